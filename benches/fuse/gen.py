"""Synthetic cohort of any size for the fusion benchmark: 25 clinical columns (CSV) and a 512-component embedding table
(Parquet, another row order). No patient is real.  usage: gen.py N DIR"""
import os, sys
import numpy as np, pyarrow as pa, pyarrow.csv as pc, pyarrow.parquet as pq

n, D = int(sys.argv[1]), sys.argv[2]
os.makedirs(D, exist_ok=True)
STEP = 100_000
NUMBERS = {  # name: (draw, share missing)
    "age_years": (lambda g, m: np.clip(np.round(g.normal(55, 12, m), 1), 18, 110), .03), "tumour_size_mm": (lambda g, m: np.clip(np.round(g.gamma(3, 9, m), 1), 0, 250), .08),
    "nodes_positive": (lambda g, m: g.poisson(2, m), .05), "ki67_pct": (lambda g, m: np.round(g.beta(2, 5, m) * 100, 1), .10),
    "er_pct": (lambda g, m: np.round(g.beta(2, 1, m) * 100), .06), "pr_pct": (lambda g, m: np.round(g.beta(1, 1, m) * 100), .06),
    "npi": (lambda g, m: np.clip(np.round(g.normal(4, 1, m), 2), 1, 8), .07), "er_fmol_mg": (lambda g, m: np.clip(np.round(g.gamma(1, 160, m)), 0, 10000), .09),
    "pgr_fmol_mg": (lambda g, m: np.clip(np.round(g.gamma(1, 140, m)), 0, 10000), .09), "weight_kg": (lambda g, m: np.clip(np.round(g.normal(70, 14, m), 1), 25, 300), .04),
    "oncotype_rs": (lambda g, m: np.clip(np.round(g.normal(20, 10, m)), 0, 100), .10), "tumour_volume_mm3": (lambda g, m: np.clip(np.round(g.gamma(1, 20000, m)), 1, 2000000), .02)}
LEVELS = {  # name: (levels, share missing)
    "menopause": (["pre", "peri", "post"], .02), "er": (["positive", "low_positive", "negative"], .01), "pr": (["positive", "low_positive", "negative"], .01),
    "her2_status": (["positive", "low", "zero"], .02), "histology": (["ductal", "lobular", "mucinous", "medullary", "other"], .03), "laterality": (["left", "right"], .01),
    "t_stage": (["T1", "T2", "T3", "T4"], .04), "n_stage": (["N0", "N1", "N2", "N3"], .04), "m_stage": (["M0", "M1"], .05), "stage_group": (["I", "II", "III", "IV"], .05),
    "cellularity": (["low", "moderate", "high"], .08), "pam50_subtype": (["luminal_a", "luminal_b", "her2_enriched", "basal", "normal_like"], .15),
    "arm": (["Ctr", "AMG386", "N", "Ganitumab", "Ganetespib", "MK2206", "VC", "Pembro"], 0)}
g = np.random.default_rng(11)
ids = lambda at: pa.array(np.char.add("P", np.char.zfill(at.astype("U9"), 9)))
writer = None
for start in range(0, n, STEP):
    m = min(STEP, n - start)
    mask = lambda q: g.random(m) < q
    table = pa.table({"pid": ids(np.arange(start, start + m)), **{k: pa.array(draw(g, m), mask=mask(q)) for k, (draw, q) in NUMBERS.items()},
                      **{k: pa.array(g.choice(v, m), mask=mask(q)) for k, (v, q) in LEVELS.items()}})
    writer = writer or pc.CSVWriter(f"{D}/clinical.csv", table.schema, write_options=pc.WriteOptions(quoting_style="none"))
    writer.write_table(table)
writer.close()
order, writer = g.permutation(n), None
for start in range(0, n, STEP):
    E = g.standard_normal((min(STEP, n - start), 512), dtype=np.float32) * np.float32(.3) + np.float32(.1)
    table = pa.table({"pid": ids(order[start:start + STEP]), **{f"e{j}": E[:, j] for j in range(512)}})
    writer = writer or pq.ParquetWriter(f"{D}/embeddings.parquet", table.schema, compression="none", use_dictionary=False)
    writer.write_table(table)
writer.close()
print({f: os.path.getsize(f"{D}/{f}") >> 20 for f in ("clinical.csv", "embeddings.parquet")}, "MiB")
