"""Prints the constants of TestKeysAreStable from an implementation of its own."""
M = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15


def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M
    z = (z ^ z >> 27) * 0x94D049BB133111EB & M
    return z ^ z >> 31


def separate(z):
    z = (z ^ z >> 33) * 0xFF51AFD7ED558CCD & M
    z = (z ^ z >> 33) * 0xC4CEB9FE1A85EC53 & M
    return z ^ z >> 33


def new(seed, *path):
    k = separate(seed + GAMMA & M)
    for i in path:
        k = separate(k + mix(i + GAMMA & M) & M)
    return k


def fnv(name):
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = (h ^ b) * 0x100000001B3 & M
    return h


print("New(0)", hex(new(0)))
print("New(1, 2, 3)", hex(new(1, 2, 3)))
print("Hash(shuffle)", hex(fnv("shuffle")))
k, p = new(42, 7), list(range(10))
for i in range(9, 0, -1):
    j = mix(k + (10 - i) * GAMMA & M) * (i + 1) >> 64
    p[i], p[j] = p[j], p[i]
print("shuffle", p)
