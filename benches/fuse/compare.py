"""Compares two matrices joined by patient: usage: compare.py REGIMEN.arrow PEER.arrow [ROWS]  (exit 1 where they differ by more than 2e-5)"""
import sys
import numpy as np, pyarrow as pa

NUM = "age_years tumour_size_mm nodes_positive ki67_pct er_pct pr_pct npi er_fmol_mg pgr_fmol_mg weight_kg oncotype_rs tumour_volume_mm3".split()
ours, peer = (pa.ipc.open_file(pa.memory_map(f)) for f in sys.argv[1:3])
rows = int(sys.argv[3]) if len(sys.argv) > 3 else 200_000


def take(file, key, names, wanted=None):
    ids, parts = [], []
    for i in range(file.num_record_batches):
        b = file.get_batch(i)
        ids.append(np.array([x.split(":")[-1] for x in b.column(key).to_pylist()]))
        parts.append(np.stack([b.column(b.schema.get_field_index(k)).to_numpy(zero_copy_only=False).astype("f4") for k in names], 1))
        if wanted is None and sum(map(len, ids)) >= rows: break
    return np.concatenate(ids), np.concatenate(parts)


names = peer.schema.names
emb = [0, 1, 255, 511]
levels = [(f"{k}={v}", f"{k}_{v}") for k, v in (c.split("=", 1) for c in ours.schema.names if "=" in c)]
a = NUM + [f"{k}?" for k in NUM] + [f"mri_emb[{j}]" for j in emb] + [o for o, _ in levels]
b = NUM + [f"{k}?" for k in NUM] + [f"e{j}" for j in emb] + [p for _, p in levels]
ia, va = take(ours, "patient_id", a)
ib, vb = take(peer, "pid", b, wanted=True)
at = {k: i for i, k in enumerate(ib)}
worst = np.abs(va - vb[[at[k] for k in ia]]).max(0)
print({"rows compared": len(ia), "columns": len(a), "largest difference": float(worst.max()), "in": a[int(worst.argmax())]})
sys.exit(int(worst.max() > 2e-5))
