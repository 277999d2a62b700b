"""Writes golden.json: what scikit-learn 1.9.1 makes of 150 points.

    python golden.py > golden.json
"""
import json

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.manifold import _t_sne, _utils
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

N, D, CLASSES, PERPLEXITY = 150, 5, 4, 10
rng = np.random.default_rng(3)
labels = rng.integers(0, CLASSES, N)
x = (2 * rng.normal(size=(CLASSES, D))[labels] + rng.normal(size=(N, D))).astype(np.float32)

pca = PCA(3, svd_solver="full").fit(x.astype(np.float64))
kmeans = KMeans(CLASSES, n_init=50, random_state=0, tol=0).fit(x.astype(np.float64))

k = int(3 * PERPLEXITY + 1)
graph = NearestNeighbors(n_neighbors=k).fit(x).kneighbors_graph(mode="distance")
graph.data **= 2
conditional = _utils._binary_search_perplexity(
    np.sort(graph.data.reshape(N, k).astype(np.float32)), PERPLEXITY, 0)
joint = _t_sne._joint_probabilities_nn(graph, PERPLEXITY, 0).toarray()


def exact_divergence(y):
    """The divergence over the neighbours' affinities, normalised over all pairs."""
    d = ((y[:, None].astype(np.float64) - y[None]) ** 2).sum(-1)
    z = (1 / (1 + d)).sum() - N
    m = joint > 0
    return float((joint[m] * np.log(joint[m] * z * (1 + d[m]))).sum())


divergences, maps = [], []
for seed in range(5):
    tsne = TSNE(perplexity=PERPLEXITY, init="pca", random_state=seed)
    maps.append(tsne.fit_transform(x))
    divergences.append(float(tsne.kl_divergence_))

flat = lambda a: [float(v) for v in np.asarray(a).ravel()]
print(json.dumps({
    "n": N, "d": D, "classes": CLASSES, "perplexity": PERPLEXITY,
    "x": flat(x), "labels": labels.tolist(),
    "pca_components": flat(pca.components_), "pca_variance": flat(pca.explained_variance_),
    "pca_ratio": flat(pca.explained_variance_ratio_), "pca_points": flat(pca.transform(x.astype(np.float64))),
    "knn_accuracy": {str(q): float((KNeighborsClassifier(q).fit(x, labels).predict(None) == labels).mean())
                     for q in (1, 2, 5, 10)},
    "kmeans_inertia": float(kmeans.inertia_), "kmeans_labels": kmeans.labels_.tolist(),
    "nmi": float(normalized_mutual_info_score(labels, kmeans.labels_)),
    "conditional": flat(conditional), "joint_row": flat(joint[7]),
    "tsne_divergence": divergences, "map": flat(maps[0]), "map_exact_divergence": exact_divergence(maps[0]),
    "trustworthiness": {str(q): float(trustworthiness(x, maps[0], n_neighbors=q)) for q in (3, 5, 12)},
}))
