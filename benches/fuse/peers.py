"""The same join, imputation, encoding, scaling and Arrow output as `regimen fuse --recipe`, in other libraries.
usage: peers.py polars-eager|polars-streaming|duckdb THREADS DIR  -> one JSON line: seconds, CPU seconds, peak memory, shape"""
import json, os, resource, sys, time

lib, threads, D = sys.argv[1], int(sys.argv[2]), sys.argv[3]
os.environ["POLARS_MAX_THREADS"] = str(threads)
NUM = "age_years tumour_size_mm nodes_positive ki67_pct er_pct pr_pct npi er_fmol_mg pgr_fmol_mg weight_kg oncotype_rs tumour_volume_mm3".split()
CAT = "menopause er pr her2_status histology laterality t_stage n_stage m_stage stage_group cellularity pam50_subtype arm".split()
EMB = [f"e{j}" for j in range(512)]
csv, emb, out = f"{D}/clinical.csv", f"{D}/embeddings.parquet", f"{D}/out_{lib}.arrow"


def polars_clinical():
    import polars as pl
    c = pl.scan_csv(csv, schema_overrides={k: pl.Float64 for k in NUM})
    c = c.with_columns([pl.col(k).is_null().cast(pl.Float32).alias(f"{k}?") for k in NUM]).with_columns(pl.col(NUM).fill_null(pl.col(NUM).median()))
    return c.collect().to_dummies(CAT, drop_nulls=True)


def polars_eager():
    import polars as pl
    z = NUM + EMB
    d = polars_clinical().lazy().join(pl.scan_parquet(emb), on="pid", how="inner").with_columns(((pl.col(z) - pl.col(z).mean()) / pl.col(z).std(ddof=0)).cast(pl.Float32)).collect()
    d.write_ipc(out, compression="uncompressed")
    return d.shape


def polars_streaming():
    import polars as pl
    c = polars_clinical()
    moments = lambda d, z: d.select([pl.col(k).mean().alias(f"{k}|m") for k in z] + [pl.col(k).std(ddof=0).alias(f"{k}|s") for k in z])
    # every patient has one embedding here, so that the moments of the tables are those of the join
    m = moments(c.lazy(), NUM).collect().row(0, named=True) | moments(pl.scan_parquet(emb), EMB).collect(engine="streaming").row(0, named=True)
    scaled = [((pl.col(k) - m[f"{k}|m"]) / m[f"{k}|s"]).cast(pl.Float32) for k in NUM + EMB]
    pl.scan_parquet(emb).join(c.lazy(), on="pid", how="inner").with_columns(scaled).sink_ipc(out, compression="uncompressed", engine="streaming")
    d = pl.scan_ipc(out)
    return d.select(pl.len()).collect().item(), len(d.collect_schema())


def duckdb_():
    import duckdb, pyarrow as pa
    q = duckdb.connect(config={"threads": threads})
    src = f"read_csv('{csv}', types={{{','.join(f'{chr(39)}{k}{chr(39)}: {chr(39)}DOUBLE{chr(39)}' for k in NUM)}}})"
    lv = {k: [r[0] for r in q.sql(f"select distinct {k} from {src} where {k} is not null order by 1").fetchall()] for k in CAT}
    a = q.sql("select " + ",".join(f"median({x})" for x in NUM) + f" from {src}").fetchall()[0]
    num = ",".join(f'coalesce({x},{m})::float {x}, ({x} is null)::int::float "{x}?"' for x, m in zip(NUM, a))
    oh = ",".join(f"(coalesce({k},'')='{v}')::tinyint as \"{k}_{v}\"" for k in CAT for v in lv[k])
    q.sql(f"create temp view j as select c.*, e.* exclude(pid) from (select pid,{num},{oh} from {src}) c join read_parquet('{emb}') e using(pid)")
    z = NUM + EMB
    st = q.sql("select " + ",".join(f"avg({x}),stddev_pop({x})" for x in z) + " from j").fetchall()[0]
    rep = ",".join(f"(({x}-({st[2*i]!r}))/{st[2*i+1]!r})::float as {x}" for i, x in enumerate(z))
    reader, rows = q.sql(f"select * replace({rep}) from j").to_arrow_reader(100000), 0
    with pa.OSFile(out, "wb") as s, pa.ipc.new_file(s, reader.schema) as w:
        for b in reader:
            w.write_batch(b); rows += b.num_rows
    return rows, len(reader.schema)


f = {"polars-eager": polars_eager, "polars-streaming": polars_streaming, "duckdb": duckdb_}[lib]
t, cpu = time.perf_counter(), time.process_time()
shape = f()
wall, cpu = time.perf_counter() - t, time.process_time() - cpu
print(json.dumps({"lib": lib, "threads": threads, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, "shape": shape}), flush=True)
