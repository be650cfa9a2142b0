using System.Runtime.InteropServices;
using Ddoq.Cuda.Quantization;
using Ddoq.Cuda.Tests.Emulation;
using Ddoq.Latents;
using Ddoq.Quantization;
using Ddoq.Tests.Quantization;

namespace Ddoq.Cuda.Tests.Quantization;

/// <summary>Rows of every type that a source may have.</summary>
public class RowFormatTests
{
    [Test]
    public void EveryType_GivesWhatTheProcessorGives([Values] LatentElementType type, [Values] QuantizationAlgorithm algorithm)
    {
        EmulatedDriver.Start();
        foreach ((int rows, int dimension) in new[] { (33, 7), (70, 24) })
        {
            var options = new QuantizerOptions { CentroidCount = 5, Algorithm = algorithm, Seed = 2, HoldOutFraction = 0.1, Space = QuantizationSpace.Gram, BatchSize = 12, ReassignmentRatio = 0 };
            var source = new TypedSource(TestRows.Gaussian(rows, dimension, 3), dimension, type);
            if (algorithm == QuantizationAlgorithm.Support)
                Agreement.CheckEnergy(source, options, share: 0.01, new() { PieceBytes = 300 });
            else
                Agreement.Check(source, options, new() { PieceBytes = 300 });
        }

        EmulatedDriver.ExpectClean();
    }

    [Test]
    public void ValuesBeyondTheKernels_GoToTheProcessor()
    {
        EmulatedDriver.Start();
        var source = new TypedSource(TestRows.Gaussian(20, 5, 3), 5, LatentElementType.F32, scale: 1e18f);
        var progress = new RecordingProgress();
        ClassQuantization? result = null;
        using (var quantizer = new CudaQuantizer())
            quantizer.Fit(source, new() { CentroidCount = 3 }, one => result = one, null, progress, default);
        Assert.That(result!.Distortion, Is.GreaterThan(0).And.LessThan(double.PositiveInfinity));
        Assert.That(progress.Messages, Has.One.Contains("beyond").And.Contains("processor"));
    }

    [Test]
    public void NonFiniteValues_AreFoundAtAnyPlace([Values(1, 7, 8, 31, 32, 33, 65)] int length)
    {
        foreach (RowFormat format in new[] { RowFormat.F16, RowFormat.BF16, RowFormat.F32 })
        {
            var row = new byte[length * format.Bytes];
            Assert.That(format.IndexOfNonFinite(row), Is.EqualTo(-1));
            for (int i = 0; i < length; i++)
            {
                foreach (float value in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
                {
                    TypedSource.Write(value, row.AsSpan(i * format.Bytes, format.Bytes), format == RowFormat.F16 ? LatentElementType.F16 : format == RowFormat.BF16 ? LatentElementType.BF16 : LatentElementType.F32);
                    Assert.That(format.IndexOfNonFinite(row), Is.EqualTo(i), $"{format} {value}");
                    Assert.That(format.Value(row, i), Is.EqualTo(value), $"{format}");
                }

                row.AsSpan(i * format.Bytes, format.Bytes).Clear();
            }
        }
    }

    private sealed class TypedSource : ILatentSource
    {
        private readonly byte[] _bytes;
        private readonly int _dimension;

        public TypedSource(Half[] values, int dimension, LatentElementType type, float scale = 1)
        {
            ElementType = type;
            _dimension = dimension;
            _bytes = new byte[values.Length * Size];
            for (int i = 0; i < values.Length; i++)
                Write((float)values[i] * scale, _bytes.AsSpan(i * Size, Size), type);
        }

        public LatentShape Shape => new(1, 1, _dimension);

        public IReadOnlyList<string> ClassNames => ["class"];

        public LatentElementType ElementType { get; }

        private int Size => ElementType == LatentElementType.F32 ? 4 : 2;

        public static void Write(float value, Span<byte> bytes, LatentElementType type)
        {
            if (type == LatentElementType.F16)
                MemoryMarshal.Write(bytes, (Half)value);
            else if (type == LatentElementType.BF16)
                MemoryMarshal.Write(bytes, (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
            else
                MemoryMarshal.Write(bytes, value);
        }

        public int RowCount(int classIndex) => _bytes.Length / Size / _dimension;

        public void ReadRows(int classIndex, int firstRow, Span<Half> destination) => throw new NotSupportedException();

        public void ReadRows(int classIndex, int firstRow, Span<float> destination) => throw new NotSupportedException();

        public void ReadRowBytes(int classIndex, int firstRow, Span<byte> destination) =>
            _bytes.AsSpan(firstRow * _dimension * Size, destination.Length).CopyTo(destination);

        public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
        {
            rows = default;
            return false;
        }

        public bool TryGetRowBytes(int classIndex, out ReadOnlySpan<byte> rows)
        {
            rows = default;
            return false;
        }
    }
}
