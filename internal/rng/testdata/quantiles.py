"""Makes quantiles.json: the normal distribution's inverse at chosen probabilities, computed
by bisection in 60 digits (mpmath). Run: python3 quantiles.py > quantiles.json"""
import json
import mpmath as mp

mp.mp.dps = 60
out = []
for p in [1e-300, 1e-20, 2.0**-53, 1e-9, 1e-4, 0.001, 0.02425, 0.0749, 0.075, 0.0751, 0.25, 0.4999,
          0.5, 0.5000001, 0.75, 0.9, 0.925, 0.975, 0.999, 1 - 2.0**-30, 1 - 2.0**-52]:
    q = mp.mpf(p)
    lo, hi = mp.mpf(-40), mp.mpf(40)
    for _ in range(180):
        mid = (lo + hi) / 2
        if mp.erfc(-mid / mp.sqrt(2)) / 2 < q:
            lo = mid
        else:
            hi = mid
    out.append({"P": p, "X": float(lo)})
print("[\n" + ",\n".join(json.dumps(o) for o in out) + "\n]")
