namespace Ddoq.Evaluation.Transport;

/// <summary>Exact transport from many sources to few targets by successive shortest paths on the targets alone.</summary>
/// <remarks>
/// Sources enter one after another. Moving mass from target j to target k costs min over sources i that send to j of
/// c_ik - c_ij; that K x K matrix is kept up to date, so a shortest path is a dense Dijkstra over at most K nodes and the
/// work is about O(N K^2) whatever the dimension of the data. Each step keeps the plan optimal for the mass placed so far
/// (reduced costs stay non-negative), and integer masses make the number of steps finite. Source: the successive shortest
/// path method with potentials (Edmonds, Karp 1972), condensed to one side as in Tokuyama, Nakano (1995).
/// Deterministic: serial, ties go to the lower index.
/// </remarks>
internal sealed class TransportSolver
{
    private const int FromNewSource = -1;

    private readonly double[] _costs;
    private readonly int _sourceCount;
    private readonly int _targetCount;
    private readonly long[] _flow;
    private readonly long[] _capacity;
    private readonly double[] _potential;
    private readonly List<int>[] _members;
    private readonly double[] _moveCost;
    private readonly int[] _mover;

    private readonly double[] _distance;
    private readonly int[] _previous;
    private readonly bool[] _settled;
    private readonly int[] _settledOrder;

    /// <summary>Prepares an empty plan.</summary>
    /// <param name="costs">N x K, row-major, finite; not copied.</param>
    /// <param name="targetMasses">K capacities; their sum is the sum of the masses that will be placed.</param>
    /// <param name="sourceCount">N.</param>
    public TransportSolver(double[] costs, long[] targetMasses, int sourceCount)
    {
        int k = targetMasses.Length;
        _costs = costs;
        _sourceCount = sourceCount;
        _targetCount = k;
        _flow = new long[(long)sourceCount * k];
        _capacity = [.. targetMasses];
        _potential = new double[k];
        _members = new List<int>[k];
        for (int j = 0; j < k; j++)
            _members[j] = [];
        _moveCost = new double[(long)k * k];
        _mover = new int[(long)k * k];
        Array.Fill(_moveCost, double.PositiveInfinity);
        Array.Fill(_mover, -1);
        _distance = new double[k];
        _previous = new int[k];
        _settled = new bool[k];
        _settledOrder = new int[k];
    }

    /// <summary>Target potentials v: u_i = min_j (c_ij - v_j) completes a feasible dual.</summary>
    public double[] TargetPotentials => _potential;

    /// <summary>Mass that source i sends to target j.</summary>
    public long Flow(int source, int target) => _flow[(source * (long)_targetCount) + target];

    /// <summary>Places all mass of all sources; cancellation is looked at before each of them.</summary>
    public void Solve(long[] sourceMasses, CancellationToken cancellation)
    {
        for (int i = 0; i < _sourceCount; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            long remaining = sourceMasses[i];
            while (remaining > 0)
                remaining -= Augment(i, remaining);
        }
    }

    /// <summary>Places some of one source's mass along the cheapest path to a target with room.</summary>
    private long Augment(int source, long remaining)
    {
        int end = ShortestPath(source);
        long amount = Math.Min(remaining, _capacity[end]);
        for (int k = end; _previous[k] != FromNewSource; k = _previous[k])
            amount = Math.Min(amount, Flow(Mover(_previous[k], k), _previous[k]));

        // From the end backwards: placing an arc changes only the movers of its two ends, and those were read before.
        int target = end;
        while (_previous[target] != FromNewSource)
        {
            int from = _previous[target];
            int mover = Mover(from, target);
            Add(mover, target, amount);
            Remove(mover, from, amount);
            target = from;
        }

        Add(source, target, amount);
        _capacity[end] -= amount;
        return amount;
    }

    /// <summary>Dijkstra over the targets with reduced costs; updates the potentials.</summary>
    private int ShortestPath(int source)
    {
        int k = _targetCount;
        ReadOnlySpan<double> costs = _costs.AsSpan(source * k, k);
        double nearest = double.PositiveInfinity;
        for (int j = 0; j < k; j++)
        {
            _distance[j] = costs[j] - _potential[j];
            nearest = Math.Min(nearest, _distance[j]);
            _previous[j] = FromNewSource;
            _settled[j] = false;
        }

        for (int j = 0; j < k; j++)
            _distance[j] -= nearest;

        for (int settledCount = 0; ; settledCount++)
        {
            int current = -1;
            double best = double.PositiveInfinity;
            for (int j = 0; j < k; j++)
            {
                if (_settled[j] || _distance[j] > best)
                    continue;
                // Among equals a target with room ends the search at once.
                if (_distance[j] < best || (_capacity[j] > 0 && _capacity[current] == 0))
                {
                    best = _distance[j];
                    current = j;
                }
            }

            if (_capacity[current] > 0)
            {
                for (int s = 0; s < settledCount; s++)
                    _potential[_settledOrder[s]] -= best - _distance[_settledOrder[s]];
                return current;
            }

            _settled[current] = true;
            _settledOrder[settledCount] = current;
            Relax(current, best);
        }
    }

    private void Relax(int from, double distance)
    {
        int k = _targetCount;
        ReadOnlySpan<double> moves = _moveCost.AsSpan(from * k, k);
        double offset = _potential[from];
        for (int j = 0; j < k; j++)
        {
            // Rounding can leave a reduced cost a few ulps below zero; a path never gets shorter.
            double candidate = distance + Math.Max(0, moves[j] + offset - _potential[j]);
            if (!_settled[j] && candidate < _distance[j])
            {
                _distance[j] = candidate;
                _previous[j] = from;
            }
        }
    }

    private int Mover(int from, int to) => _mover[(from * _targetCount) + to];

    private void Add(int source, int target, long amount)
    {
        ref long flow = ref _flow[(source * (long)_targetCount) + target];
        flow += amount;
        if (flow != amount)
            return;

        _members[target].Add(source);
        int k = _targetCount;
        ReadOnlySpan<double> costs = _costs.AsSpan(source * k, k);
        double own = costs[target];
        for (int j = 0; j < k; j++)
        {
            double move = costs[j] - own;
            ref double best = ref _moveCost[(target * k) + j];
            if (j != target && (move < best || (move == best && source < _mover[(target * k) + j])))
            {
                best = move;
                _mover[(target * k) + j] = source;
            }
        }
    }

    private void Remove(int source, int target, long amount)
    {
        ref long flow = ref _flow[(source * (long)_targetCount) + target];
        flow -= amount;
        if (flow != 0)
            return;

        List<int> members = _members[target];
        members[members.IndexOf(source)] = members[^1];
        members.RemoveAt(members.Count - 1);
        int k = _targetCount;
        for (int j = 0; j < k; j++)
        {
            if (_mover[(target * k) + j] == source)
                FindMover(target, j);
        }
    }

    private void FindMover(int from, int to)
    {
        int k = _targetCount;
        double best = double.PositiveInfinity;
        int mover = -1;
        foreach (int i in _members[from])
        {
            double move = _costs[(i * k) + to] - _costs[(i * k) + from];
            if (move < best || (move == best && i < mover))
            {
                best = move;
                mover = i;
            }
        }

        _moveCost[(from * k) + to] = best;
        _mover[(from * k) + to] = mover;
    }
}
