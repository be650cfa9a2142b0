"""The quantiser as a scikit-learn estimator."""
from __future__ import annotations

from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ._quantization import as_rows, fit, predict

try:  # scikit-learn 1.6 made the method a function
    from sklearn.utils.validation import validate_data as _validate
except ImportError:

    def _validate(estimator: Any, X: Any, **options: Any) -> Any:
        return estimator._validate_data(X, **options)


# float64 comes first: scikit-learn converts whole numbers to the first type of the list.
_TYPES = [np.float64, np.float32, np.float16]


class OptimalQuantizer(TransformerMixin, ClusterMixin, BaseEstimator):
    """K points and weights whose Wasserstein-2 distance to the rows is as small as the engine finds.

    The same estimator as ``sklearn.cluster.KMeans`` from outside; within, Hartigan's test moves single rows after Lloyd's
    iteration has stopped, in the space of the rows' inner products where there are fewer rows than that pays for.

    Parameters
    ----------
    n_clusters : int, default=8
        K.
    algorithm : {"hartigan", "lloyd", "minibatch", "clvq", "d4m", "support"}, default="hartigan"
        ``support`` gives points of equal weight with the least energy distance to the rows, instead of the least inertia.
    init : {"k-means++", "random"}, default="k-means++"
    n_init : int, default=4
        Starts, of which the one of least distortion is kept.
    max_iter : int, default=300
    tol : float, default=0
        Lloyd stops when the distortion falls by less than this fraction.
    random_state : int, RandomState or None, default=None
        A number is the engine's seed itself: equal to ``ddoq quantize --seed``.
    space : {"auto", "gram", "direct"}, default="auto"
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features), float32
    cluster_weights_ : ndarray of shape (n_clusters,)
        The mass of each cell: the optimal weights for the centres. Sums to 1.
    labels_ : ndarray of shape (n_samples,), int32
    inertia_ : float
        Sum of the (weighted) squared distances to the nearest centre.
    n_iter_ : int
    n_features_in_ : int

    Float16 and float32 rows are read in place; float64 is rounded to float32.
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        algorithm: str = "hartigan",
        init: str = "k-means++",
        n_init: int = 4,
        max_iter: int = 300,
        tol: float = 0.0,
        random_state: Any = None,
        space: str = "auto",
        device: str = "cpu",
    ) -> None:
        self.n_clusters = n_clusters
        self.algorithm = algorithm
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.space = space
        self.device = device

    def fit(self, X: npt.ArrayLike, y: Any = None, sample_weight: Optional[npt.ArrayLike] = None) -> "OptimalQuantizer":
        """Quantises the rows of X, (n_samples, n_features); y is ignored."""
        X = _validate(self, X, dtype=_TYPES, order="C", accept_large_sparse=False)
        if len(X) < self.n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}.")
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        result = fit(
            X, self.n_clusters, sample_weight=weights, algorithm=self.algorithm, init=self.init, n_init=self.n_init,
            max_iter=self.max_iter, tol=self.tol, seed=self._seed(), space=self.space, device=self.device)
        mass = np.ones(len(X)) if weights is None else weights
        total = mass.sum()
        self.cluster_centers_ = result.centroids
        self.labels_ = result.labels
        self.inertia_ = float(result.distortion * total)
        self.cluster_weights_ = np.bincount(result.labels, weights=mass, minlength=len(result.centroids)) / (total or 1)
        self.n_iter_ = int(result.iterations)
        return self

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """The nearest centre of each row of X."""
        check_is_fitted(self)
        X = _validate(self, X, dtype=_TYPES, order="C", reset=False, accept_large_sparse=False)
        return predict(self.cluster_centers_, X)[0]

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Distances of the rows of X to the centres: (n_samples, n_clusters)."""
        check_is_fitted(self)
        X = _validate(self, X, dtype=_TYPES, order="C", reset=False, accept_large_sparse=False)
        return euclidean_distances(as_rows(X)[0].astype(np.float32, copy=False), self.cluster_centers_)

    def score(self, X: npt.ArrayLike, y: Any = None, sample_weight: Optional[npt.ArrayLike] = None) -> float:
        """Minus the (weighted) sum of squared distances of the rows of X to their nearest centre."""
        check_is_fitted(self)
        X = _validate(self, X, dtype=_TYPES, order="C", reset=False, accept_large_sparse=False)
        distances = predict(self.cluster_centers_, X)[1]
        weights = np.ones(len(X)) if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        return -float(distances @ weights)

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def _more_tags(self) -> dict[str, Any]:
        # As scikit-learn's own KMeans says: the random draws go by a row's place, which a row of weight 0 keeps.
        reason = "removing a row moves the draws of the rows behind it"
        return {"_xfail_checks": {"check_sample_weights_invariance": reason, "check_sample_weight_equivalence_on_dense_data": reason}}

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))
