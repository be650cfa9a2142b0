using System.Collections.Concurrent;

namespace Ddoq.Onnx.Sessions;

/// <summary>Lanes (buffers and bindings of one batch in flight) that are made when needed and used again.</summary>
internal sealed class LanePool<TLane>(Func<TLane> create) : IDisposable
    where TLane : class, IDisposable
{
    private readonly ConcurrentBag<TLane> _free = [];

    public TLane Rent() => _free.TryTake(out TLane? lane) ? lane : create();

    public void Return(TLane lane) => _free.Add(lane);

    public void Dispose()
    {
        while (_free.TryTake(out TLane? lane))
            lane.Dispose();
    }
}
