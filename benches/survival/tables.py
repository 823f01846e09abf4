"""Writes the two tables that no cohort definition makes: both are joins of public files, never to be committed.

usage: tables.py REGIMEN_DATA METABRIC.arrow OUT_DIR
  rotterdam_gbsg.csv   Rotterdam and GBSG with the same columns and a column `cohort`
  metabric_os.csv      `regimen fuse metabric` with overall survival known, joined with the 300 expression columns
Needs pandas and pyarrow (pandas 2.3.3, pyarrow 26 were used).
"""
import sys
import numpy as np, pandas as pd, pyarrow.ipc as ipc

data, fused, out = sys.argv[1:4]
r = pd.read_csv(f"{data}/rotterdam/rotterdam.csv")
g = pd.read_csv(f"{data}/rotterdam/gbsg.csv")
rotterdam = pd.DataFrame({
    "id": "r" + r.pid.astype(str), "cohort": "rotterdam",
    "time": np.where(r.recur == 1, r.rtime, r.dtime), "event": np.maximum(r.recur, r.death),
    "age": r.age, "meno": r.meno, "size_20_50": (r["size"] == "20-50") * 1, "size_gt50": (r["size"] == ">50") * 1,
    "grade3": (r.grade == 3) * 1, "nodes": r.nodes, "pgr": r.pgr, "er": r.er, "hormon": r.hormon})
gbsg = pd.DataFrame({
    "id": "g" + g.pid.astype(str), "cohort": "gbsg", "time": g.rfstime, "event": g.status,
    "age": g.age, "meno": g.meno, "size_20_50": ((g["size"] > 20) & (g["size"] <= 50)) * 1,
    "size_gt50": (g["size"] > 50) * 1, "grade3": (g.grade == 3) * 1, "nodes": g.nodes, "pgr": g.pgr, "er": g.er,
    "hormon": g.hormon})
pd.concat([rotterdam, gbsg]).to_csv(f"{out}/rotterdam_gbsg.csv", index=False)

m = ipc.open_file(fused).read_all().to_pandas()
genes = pd.read_csv(f"{data}/metabric/expression_zscore_300genes_1559pts.csv")
genes.columns = ["patient_id"] + [f"g_{name}" for name in genes.columns[1:]]
genes.patient_id = "metabric:" + genes.patient_id
m = m[m.os_time.notna() & m.os_event.notna()].drop(columns=["visit"])
for column in m.columns:
    if m[column].map(lambda value: isinstance(value, bool)).any():
        m[column] = m[column].map({True: "true", False: "false"})
m.merge(genes, on="patient_id", how="inner").to_csv(f"{out}/metabric_os.csv", index=False)
