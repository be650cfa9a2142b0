using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>The weights of rows, which all shards of a store have, or none.</summary>
public sealed partial class LatentStore
{
    /// <inheritdoc/>
    public bool HasSampleWeights { get; }

    /// <inheritdoc/>
    public void ReadSampleWeights(int classIndex, Span<float> destination)
    {
        int count = RowCount(classIndex);
        SampleWeights.CheckCount($"class {classIndex} {StorageErrors.Quote(ClassNames[classIndex])}", destination.Length, count);
        if (!HasSampleWeights)
        {
            destination.Fill(1);
            return;
        }

        foreach (Piece piece in Pieces(classIndex, 0, count))
        {
            Span<float> part = destination[..piece.Count];
            piece.Shard.ReadWeights(piece.First, part);
            ThrowIfBadWeight(piece.Shard, piece.First, part);
            destination = destination[part.Length..];
        }
    }

    private static bool FindSampleWeights(LatentShard[] shards)
    {
        for (int s = 1; s < shards.Length; s++)
        {
            if (shards[s].HasWeights != shards[0].HasWeights)
                throw Unlike(shards, s, "tensor sample_weights", Presence(shards[s]), Presence(shards[0]));
        }

        return shards[0].HasWeights;

        static string Presence(LatentShard shard) => shard.HasWeights ? "there" : "missing";
    }

    private void EnsureWeights(CancellationToken cancellationToken)
    {
        if (!HasSampleWeights)
            return;
        float[] buffer = new float[1 << 16];
        foreach (LatentShard shard in _shards)
        {
            for (long first = 0; first < shard.RowCount; first += buffer.Length)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Span<float> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, shard.RowCount - first));
                shard.ReadWeights(first, part);
                ThrowIfBadWeight(shard, first, part);
            }
        }
    }

    private void ThrowIfBadWeight(LatentShard shard, long first, ReadOnlySpan<float> weights)
    {
        int bad = SampleWeights.IndexOfBad(weights);
        if (bad < 0)
            return;
        int label = shard.Label(first + bad);
        throw SampleWeights.Bad($"'{shard.File.Path}'", first + bad, label, ClassNames[label], weights[bad]);
    }
}
