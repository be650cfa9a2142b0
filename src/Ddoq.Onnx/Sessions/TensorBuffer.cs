using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Ddoq.Onnx.Sessions;

/// <summary>A pinned buffer one input or output of a network is bound to, for one batch in flight.</summary>
/// <remarks>
/// <see cref="Floats"/> is the buffer itself for float32 tensors, and beside it for float16 ones, converted on the way.
/// </remarks>
internal sealed class TensorBuffer : IDisposable
{
    private readonly float[]? _floats;
    private readonly Float16[]? _halves;
    private readonly Array? _scalars;

    public TensorBuffer(TensorSignature signature, params long[] shape)
    {
        Signature = signature;
        long length = 1;
        foreach (long size in shape)
            length *= size;
        int count = checked((int)length);
        switch (signature.Element)
        {
            case TensorElementType.Float:
                _floats = GC.AllocateArray<float>(count, pinned: true);
                Value = OrtValue.CreateTensorValueFromMemory(_floats, shape);
                break;
            case TensorElementType.Float16:
                _floats = new float[count];
                _halves = GC.AllocateArray<Float16>(count, pinned: true);
                Value = OrtValue.CreateTensorValueFromMemory(_halves, shape);
                break;
            case TensorElementType.Int64:
                Value = Bind(new long[count], shape, out _scalars);
                break;
            case TensorElementType.Int32:
                Value = Bind(new int[count], shape, out _scalars);
                break;
            case TensorElementType.Double:
                Value = Bind(new double[count], shape, out _scalars);
                break;
            default:
                throw new DdoqException($"tensor {signature} has an element type that is not supported");
        }
    }

    public TensorSignature Signature { get; }

    public OrtValue Value { get; }

    public Span<float> Floats => _floats;

    /// <summary>Writes whole numbers to an integer tensor from the start.</summary>
    public void Write(ReadOnlySpan<int> values, int offset = 0)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (_scalars is long[] longs)
                longs[offset + i] = values[i];
            else if (_scalars is int[] ints)
                ints[offset + i] = values[i];
        }
    }

    /// <summary>Writes one number to every element, rounded to the nearest whole one (half to even) for integer tensors.</summary>
    public void Fill(double value)
    {
        switch (_scalars)
        {
            case long[] longs:
                Array.Fill(longs, (long)Math.Round(value));
                break;
            case int[] ints:
                Array.Fill(ints, (int)Math.Round(value));
                break;
            case double[] doubles:
                Array.Fill(doubles, value);
                break;
            default:
                Array.Fill(_floats!, (float)value);
                break;
        }
    }

    /// <summary>Moves <see cref="Floats"/> to where the runtime reads.</summary>
    public void BeforeRun()
    {
        if (_halves is not null)
            TensorPrimitives.ConvertToHalf(_floats, MemoryMarshal.Cast<Float16, Half>(_halves.AsSpan()));
    }

    /// <summary>Moves what the runtime wrote to <see cref="Floats"/>.</summary>
    public void AfterRun()
    {
        if (_halves is not null)
            TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<Float16, Half>(_halves.AsSpan()), _floats);
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"'{Signature.Name}' [{string.Join(',', Value.GetTensorTypeAndShape().Shape)}]");

    public void Dispose() => Value.Dispose();

    private static OrtValue Bind<T>(T[] values, long[] shape, out Array scalars)
        where T : unmanaged
    {
        scalars = values;
        return OrtValue.CreateTensorValueFromMemory(values, shape);
    }
}
