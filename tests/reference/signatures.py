"""Writes signatures.json: expression scores computed from their published definitions, and ssGSEA by gseapy.

Run:  python signatures.py   (numpy, pandas, scipy, gseapy; versions go into the file)
Matrix and signature tables are invented (seeded); the tables only have the file formats of R genefu, none of its
rows. The JSON is read by src/genomics/tests.rs. Written from the papers, sharing nothing with the Rust code:
Parker 2009 (PAM50, ROR-S), Paik 2004 (21 genes), Filipits 2011 (EndoPredict), Sotiriou 2006 (grade index),
van 't Veer 2002 (70 genes), Desmedt 2008 (modules), Barbie 2009 (ssGSEA), Foroutan 2018 (singscore).
"""

import json
import pathlib
import platform

import gseapy
import numpy
import pandas
import scipy
import scipy.stats

rng = numpy.random.default_rng(20261124)
N_GENES, N_SAMPLES = 220, 20
PLAIN = [f"G{i:03d}" for i in range(N_GENES)]
RECEPTORS = ["ESR1", "PGR", "ERBB2", "MKI67"]
REFERENCE = ["REFA", "REFB", "REFC", "REFD", "REFE"]
# The matrix has the current symbol, the tables the former one.
FORMER = {"NUF2": "CDCA1", "CTSV": "CTSL2"}
GENES = PLAIN + RECEPTORS + REFERENCE + list(FORMER)
SAMPLES = [f"s{i:02d}" for i in range(N_SAMPLES)]
TRAINING = list(range(14))
BATCHES = ["a" if i % 3 else "b" for i in range(N_SAMPLES)]

level = rng.normal(8.0, 2.0, size=(len(GENES), 1))
factor = rng.normal(size=(1, N_SAMPLES))
load = rng.normal(size=(len(GENES), 1))
shift = numpy.array([0.0 if b == "a" else 0.8 for b in BATCHES])
X = pandas.DataFrame(level + load * factor + shift + rng.normal(0, 0.7, (len(GENES), N_SAMPLES)), GENES, SAMPLES)
# Without ties: with them the running sums of ssGSEA would hang on the order of genes.
X = X.round(5)
assert all(X[s].is_unique for s in X)
for gene, sample in [("G003", "s02"), ("G027", "s05"), ("G050", "s15"), ("G065", "s09"), ("G100", "s03"), ("PGR", "s00")]:
    X.loc[gene, sample] = numpy.nan

former = lambda gene: FORMER.get(gene, gene)
number = lambda v: format(v, ".6g")

# The tables, each with genes and what belongs to them, and their text.
pam50 = pandas.DataFrame(
    rng.normal(size=(20, 5)).round(4),
    PLAIN[:17] + ["NUF2", "ABSENT1", "ABSENT2"],
    ["Basal", "Her2", "LumA", "LumB", "Normal"],
)
pam50_text = "# invented\n# method.cor: spearman\n# std: none\n"
for name in pam50:
    pam50_text += f"# centroid.{name}: " + " ".join(number(v) for v in pam50[name]) + "\n"
pam50_text += '"probe","probe.centroids","EntrezGene.ID"\n'
pam50_text += "".join(f'"{former(g)}","{former(g)}","{i}"\n' for i, g in enumerate(pam50.index))

rs21 = pandas.DataFrame(
    {
        "group": ["proliferation"] * 3 + ["her2"] * 2 + ["invasion"] * 2 + ["estrogen"] * 3 + ["undefined"] * 2,
        "weight": [0.3, 0.35, 0.39, 0.4, 0.07, 0.06, 0.04, -0.1, -0.15, -0.09, -0.08, 0.05],
    },
    PLAIN[20:25] + ["CTSV"] + PLAIN[26:32],
)
rs21_text = "symbol,probe.affy,EntrezGene.ID,group,weight\r"
rs21_text += "".join(f"{former(g)},p{i},{i},{r.group},{r.weight}\r" for i, (g, r) in enumerate(rs21.iterrows()))
rs21_text += "\r".join(f"{g},NA,1,reference,NA" for g in REFERENCE)

endopredict = pandas.DataFrame(
    {
        "weight": [0.45, -0.3, 0.35, -0.3, -0.25, 0.4, -0.2, -0.2],
        "a": [0.9, 0.7, 0.8, 0.85, 0.65, 0.95, 0.5, 0.8],
        "b": [-3.5, -1.0, -1.5, -4.0, -0.5, -4.5, 4.0, -3.0],
    },
    PLAIN[40:48],
)
endopredict_text = '"symbol","probe.affy","EntrezGene.ID","group","weight","a","b"\n'
endopredict_text += "".join(
    f'"{g}","p{i}",{i},"GOI",{r.weight},{r.a},{r.b}\n' for i, (g, r) in enumerate(endopredict.iterrows())
)
endopredict_text += '"REFA","p9",9,"REFERENCE","NA","NA","NA"\n'

# Two probes of G060 (the second must not count) and one probe without a symbol.
ggi = pandas.Series([1.0] * 12 + [-1.0] * 6, PLAIN[60:78])
ggi_text = "probe,grade,Gb.acc,EntrezGene.ID,NCBI.gene.symbol,HUGO.gene.symbol,Cytoband,Alternative.symbols,Description\r"
rows = [(g, 3 if v > 0 else 1) for g, v in ggi.items()] + [("G060", 1), ("NA", 3)]
ggi_text += "".join(f'p{i},{grade},x,{i},{g},{g},1q,A|B,"a, quoted one"\r' for i, (g, grade) in enumerate(rows))

gene70 = pandas.Series(rng.normal(0, 0.2, 30).round(5), PLAIN[80:110])
gene70_text = (
    "probe,correlation,average.good.prognosis.profile,EntrezGene.ID,NCBI.gene.symbol,HUGO.gene.symbol,Cytoband,"
    "Alternative.symbols,Description\r"
)
rows = [(g, v, "NA" if i == 4 else g) for i, (g, v) in enumerate(gene70.items())] + [("G085", 9.0, "G085")]
gene70_text += "\r".join(f"c{i},0.1,{v},{i},{g},{hugo},1q,NA,text" for i, (g, v, hugo) in enumerate(rows))

modules = {}
for at, name in enumerate(["ESR1", "ERBB2", "AURKA", "PLAU", "VEGF", "STAT1", "CASP3"]):
    size = [20, 6, 18, 9, 5, 14, 7][at]
    start = 110 + 14 * at
    genes = [name if name in RECEPTORS else f"G{start:03d}"] + [f"G{start + i:03d}" for i in range(1, size)]
    coefficients = numpy.concatenate([[1.0], rng.uniform(0.2, 0.9, size - 1) * rng.choice([1, 1, -1], size - 1)])
    modules[name] = pandas.Series(coefficients.round(6), genes)
modules_text = '"module","EntrezGene.ID","HUGO.gene.symbol","agilent","affy","coefficient","NMSE"\n'
for name, module in modules.items():
    for i, (g, v) in enumerate(module.items()):
        first = f'"{name}"' if i == 0 else ""
        modules_text += f'{first},"{i}","{g}","x","y","{number(v)}","0"\n'
    modules_text += ',"1","NA","x","y","0.5","0"\n,,,,,,\n'


def spearman(x, y):
    both = ~(numpy.isnan(x) | numpy.isnan(y))
    return scipy.stats.spearmanr(x[both], y[both]).statistic


def by_batch(x, batches, f):
    """f(values, training values) within each batch and gene."""
    result = x.copy()
    for batch in sorted(set(batches)):
        columns = [s for s, b in zip(x.columns, batches) if b == batch]
        training = [x.columns[i] for i in TRAINING if batches[i] == batch]
        for gene in x.index:
            known = x.loc[gene, training].dropna().to_numpy()
            result.loc[gene, columns] = f(x.loc[gene, columns].to_numpy(), known)
    return result


def affymetrix(x, known):
    low, high = numpy.quantile(known, [0.025, 0.975])
    return numpy.clip((x - low) / (high - low) * 8 + 6, 1, 15)


def range15(x, known):
    return numpy.clip(15 * (x - known.min()) / (known.max() - known.min()), 0, 15)


def pam50_scores(x, batches):
    found = [g for g in pam50.index if g in x.index]
    centred = by_batch(x.loc[found], batches, lambda v, known: v - numpy.median(known))
    cor = {name: [spearman(centred[s].to_numpy(), pam50.loc[found, name].to_numpy()) for s in x] for name in pam50}
    cor = pandas.DataFrame(cor, x.columns)
    columns = ["pam50_basal_cor", "pam50_her2_cor", "pam50_lum_a_cor", "pam50_lum_b_cor", "pam50_normal_cor"]
    result = {column: cor[name] for column, name in zip(columns, pam50)}
    result["pam50_subtype"] = cor.idxmax(axis=1)
    result["ror_s"] = 0.05 * cor.Basal + 0.12 * cor.Her2 - 0.34 * cor.LumA + 0.23 * cor.LumB
    return result


def rs21_scores(x, batches):
    cancer = x.loc[rs21.index]
    if set(REFERENCE) <= set(x.index):
        y = cancer - x.loc[REFERENCE].mean() + 10
    else:
        y = by_batch(cancer, batches, range15)
    rsu = []
    for s in y:
        total = 0.0
        for group, rows in rs21.groupby("group"):
            score = (rows.weight * y.loc[rows.index, s]).sum(skipna=False)
            floor = {"proliferation": 6.5, "her2": 8.0}.get(group)
            if floor is not None and score < floor * rows.weight.sum():
                score = floor * rows.weight.sum()
            total += score
        rsu.append(total)
    rsu = pandas.Series(rsu, y.columns)
    return {"rs21_unscaled_research": rsu, "rs21_research": (20 * (rsu - 6.7)).clip(0, 100)}


def endopredict_score(x, batches):
    y = by_batch(x.loc[endopredict.index], batches, affymetrix)
    y = y - y.mean(skipna=False) + numpy.log2(500)
    delta = y.sub(endopredict.b, axis=0).div(endopredict.a, axis=0)
    unscaled = delta.mul(endopredict.weight, axis=0).sum(skipna=False) - 2.63
    return {"endopredict_research": (1.5 * unscaled + 18.95).clip(0, 15)}


def gene70_score(x, batches):
    y = by_batch(x.loc[gene70.index], batches, lambda v, known: v - numpy.median(known))
    return {"gene70_cor": pandas.Series({s: spearman(y[s].to_numpy(), gene70.to_numpy()) for s in y})}


def ssgsea(values, genes):
    """Barbie 2009: descending list, P_in by rank**0.25, P_out by count, sum of their differences."""
    values = values.dropna().sort_values(ascending=False)
    inside = values.index.isin(genes)
    ranks = scipy.stats.rankdata(values) ** 0.25
    p_in = numpy.cumsum(numpy.where(inside, ranks, 0)) / ranks[inside].sum()
    p_out = numpy.cumsum(~inside) / (~inside).sum()
    return (p_in - p_out).sum()


def singscore(values, genes):
    """Foroutan 2018: mean rank of the set between its least and greatest possible value."""
    values = values.dropna()
    ranks = pandas.Series(scipy.stats.rankdata(values), values.index)
    inside = ranks[ranks.index.isin(genes)]
    low, high = (len(inside) + 1) / 2, (2 * len(values) - len(inside) + 1) / 2
    return (inside.mean() - low) / (high - low)


def scores(x, batches):
    result = pam50_scores(x, batches) | rs21_scores(x, batches) | endopredict_score(x, batches)
    result["ggi_raw"] = x.loc[ggi.index].mul(ggi, axis=0).sum(skipna=False)
    result |= gene70_score(x, batches)
    for name, module in modules.items():
        y = x.loc[module.index]
        total = y.notna().mul(module.abs(), axis=0).sum()
        result[f"module_{name.lower()}"] = y.mul(module, axis=0).sum() / total
    for gene in RECEPTORS:
        result[f"expr_{gene.lower()}"] = x.loc[gene]
    for name, module in [("prolif", "AURKA"), ("immune", "STAT1")]:
        genes = [g for g, v in modules[module].items() if v > 0]
        result[f"{name}_ssgsea"] = pandas.Series({s: ssgsea(x[s], genes) for s in x})
        result[f"{name}_singscore"] = pandas.Series({s: singscore(x[s], genes) for s in x})
    return {name: [plain(v) for v in values] for name, values in result.items()}


def plain(value):
    if isinstance(value, str):
        return value
    return None if numpy.isnan(value) else float(value)


def by_gseapy(x, genes):
    """gseapy's raw enrichment score on samples without missing values."""
    run = gseapy.ssgsea(
        data=x, gene_sets={"set": genes}, outdir=None, sample_norm_method="rank", correl_norm_type="rank",
        weight=0.25, min_size=2, no_plot=True, threads=1, permutation_num=0,
    )
    score = run.res2d.set_index("Name").ES.astype(float)
    return {s: float(score[s]) for s in x}


without_reference = X.drop(REFERENCE)
complete = X.loc[:, X.notna().all()]
one_batch = [""] * N_SAMPLES
result = {
    "versions": {
        "python": platform.python_version(), "numpy": numpy.__version__, "pandas": pandas.__version__,
        "scipy": scipy.__version__, "gseapy": gseapy.__version__,
    },
    "tables": {
        "pam50_model.csv": pam50_text, "paik2004_sig_oncotypedx.csv": rs21_text,
        "filipits2011_sig_endopredict.csv": endopredict_text, "sotiriou2006_sig_ggi.csv": ggi_text,
        "veer2002_sig_gene70.csv": gene70_text, "desmedt2008_genemodules.csv": modules_text,
    },
    "genes": GENES, "samples": SAMPLES, "reference_genes": REFERENCE, "training": TRAINING, "batches": BATCHES,
    "values": [[plain(v) for v in row] for row in X.to_numpy()],
    "with_batches": scores(X, BATCHES),
    "one_batch_without_reference_genes": scores(without_reference, one_batch),
    "gseapy": {
        "prolif_ssgsea": by_gseapy(complete, [g for g, v in modules["AURKA"].items() if v > 0]),
        "immune_ssgsea": by_gseapy(complete, [g for g, v in modules["STAT1"].items() if v > 0]),
    },
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
