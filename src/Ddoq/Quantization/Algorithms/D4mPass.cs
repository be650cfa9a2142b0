namespace Ddoq.Quantization.Algorithms;

/// <summary>The clustering of D4M: passes of <see cref="MiniBatchStep"/> over buffers of <c>KmExpand * K</c> rows in order.</summary>
/// <remarks>
/// The first centres come from the first buffer alone. Rows that do not fill a buffer at the end of a pass are not used.
/// A class smaller than one buffer is one buffer. K is the number asked for, so classes of few rows keep the buffer size.
/// </remarks>
internal static class D4mPass
{
    /// <summary>Runs it.</summary>
    public static AlgorithmOutcome Run(FitContext context)
    {
        int rows = context.Space.RowCount;
        int buffer = (int)Math.Min((long)context.Options.KmExpand * context.Options.CentroidCount, rows);
        FirstCentroids.Place(context, buffer);
        var counts = new double[context.Space.CentroidCount];
        var step = new MiniBatchStep(context, counts);
        Span<int> batch = context.Batch(buffer);
        long batches = 0;
        for (int pass = 0; pass < context.Options.Passes; pass++)
        {
            for (int first = 0; first <= rows - buffer; first += buffer)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                for (int i = 0; i < buffer; i++)
                    batch[i] = first + i;
                step.Run(batch);
                batches++;
            }
        }

        return step.Outcome(batches);
    }
}
