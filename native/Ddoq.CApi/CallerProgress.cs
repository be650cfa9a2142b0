using System.Runtime.InteropServices;
using Ddoq.Quantization;

namespace Ddoq.CApi;

/// <summary>ddoq_progress of native/include/ddoq.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ProgressStruct
{
    public uint Size;
    public int ClassIndex;
    public long ClassesDone;
    public long Classes;
    public byte* Message;
    public double Distortion;
    public int CentroidCount;
    public int Reserved;
}

/// <summary>Tells a caller's function of classes and messages, one call at a time, and stops the fit when it says so.</summary>
internal sealed unsafe class CallerProgress(delegate* unmanaged<void*, ProgressStruct*, int> callback, void* userData, int classes, CancellationTokenSource stop) : IProgressSink
{
    private readonly Lock _gate = new();
    private readonly delegate* unmanaged<void*, ProgressStruct*, int> _callback = callback;
    private readonly void* _userData = userData;
    private long _done;

    /// <summary>A class is complete.</summary>
    public void Completed(ClassQuantization result)
    {
        lock (_gate)
        {
            _done++;
            Tell(new ProgressStruct { ClassIndex = result.ClassIndex, Distortion = result.Distortion, CentroidCount = result.CentroidCount });
        }
    }

    /// <inheritdoc/>
    public void Message(string text)
    {
        using var native = new NativeText(text);
        lock (_gate)
            Tell(new ProgressStruct { ClassIndex = -1, Message = native.Pointer });
    }

    /// <inheritdoc/>
    public void Begin(string stage, long total, string unit, long completed = 0)
    {
    }

    /// <inheritdoc/>
    public void Advance(long units)
    {
    }

    /// <inheritdoc/>
    public void End()
    {
    }

    private void Tell(ProgressStruct progress)
    {
        if (_callback == null || stop.IsCancellationRequested)
            return;
        progress.Size = (uint)sizeof(ProgressStruct);
        progress.ClassesDone = _done;
        progress.Classes = classes;
        if (_callback(_userData, &progress) != 0)
            stop.Cancel();
    }
}
