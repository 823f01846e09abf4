"""Prints the Markdown tables of docs/studies.md from the JSON of `regimen evaluate --cv` on comparisons.

usage: markdown.py RESULT.json...
"""
import json, sys


def interval(e, digits=3, sign=False):
    form = f"{{:{'+' if sign else ''}.{digits}f}}"
    return f"{form.format(e['estimate'])} ({form.format(e['lower95'])} to {form.format(e['upper95'])})".replace("-", "−")


for path in sys.argv[1:]:
    r = json.load(open(path))
    survival = "grid" in r
    print(f"**{r['name']}**: {r['definition']}; {r['n']} patients, {r['n_events']} events; {r['method']}; seed {r['seed']}; "
          f"table {r['data_sha256'][:12]}.\n")
    first = r["models"][0]["name"]
    difference = {d["against"]: d for d in r["differences"]}
    if survival:
        print("| model | Harrell's c | Uno's c | mean AUC(t) | IBS | c of " + first + " less this | IBS of " + first + " less this |")
        print("|---|---|---|---|---|---|---|")
        for m in r["models"]:
            d = difference.get(m["name"])
            print(f"| {m['name']} | {interval(m['c_index'], 4)} | {m['c_index_ipcw']['estimate']:.4f} | {m['auc_t']['estimate']:.4f} | "
                  f"{interval(m['ibs'], 4)} | " + (f"{interval(d['c_index'], 4, True)} | {interval(d['ibs'], 4, True)} |" if d else "| |"))
        c = r["calibration"]
        print(f"\nCalibration of {first} at {r['horizon']:.0f}: observed/expected {interval(c['observed_expected'], 2)}, "
              f"slope {interval(c['slope'], 2)}, index {interval(c['ici'])}." if c else "")
        held = [f for f in r["models"][0]["folds"] if f.get("held_out")]
        for fold in held:
            rows = [f"{m['name']} {next(f['c_index'] for f in m['folds'] if f['fold'] == fold['fold']):.4f} / "
                    f"{next(f['ibs'] for f in m['folds'] if f['fold'] == fold['fold']):.4f}" for m in r["models"]]
            print(f"\nHeld out {fold['held_out']} (c / IBS): " + ", ".join(rows) + ".")
    else:
        print("| model | AUC | average precision | Brier | log loss | calibration slope | AUC of " + first + " less this | Brier of " + first + " less this |")
        print("|---|---|---|---|---|---|---|---|")
        for m in r["models"]:
            d = difference.get(m["name"])
            print(f"| {m['name']} | {interval(m['auc'])} | {m['auprc']['estimate']:.3f} | {interval(m['brier'])} | {m['log_loss']['estimate']:.3f} | "
                  f"{interval(m['calibration']['slope'], 2)} | " + (f"{interval(d['auc'], 3, True)} | {interval(d['brier'], 4, True)} |" if d else "| |"))
        groups = [g for g in r["subgroups"] if g["n"] and g["auc"]]
        if groups:
            print(f"\nAUC of {first} within receptor subtype: " + "; ".join(f"{g['name']} {interval(g['auc'])}, n = {g['n']}" for g in groups) + ".")
        sets = r.get("label_sets", [])
        if sets:
            print("\n| 90 % label sets calibrated on | patients | n | covered (exact interval) | one label | both | none |\n|---|---|---|---|---|---|---|")
            for s in sets:
                print(f"| {s['calibration']} | {s['group']} | {s['n']} | {interval(s['coverage'])} | {s['single']:.2f} | {s['both']:.2f} | {s['empty']:.2f} |")
    print()
