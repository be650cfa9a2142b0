using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Numerics;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Synthesis;

namespace Ddoq.Pipeline.Stages;

/// <summary>One batch from prototypes to files. Safe for concurrent use.</summary>
internal sealed class SynthesisWork(
    PrototypeSet set, DistilledPlan plan, int[] labels, DiffusionSynthesizer? synthesizer, VaeDecoder decoder, string folder, StageContext context)
{
    private readonly int _channels = set.Info.Latents.Extra.GetValueOrDefault(EncodeStage.SourceChannelsKey) == "1" ? 1 : 3;

    /// <summary>Denoises and decodes rows of the plan.</summary>
    /// <returns>[rows, 3, H, W], about [-1, 1].</returns>
    public float[] Render(int first, int rows)
    {
        int length = set.Shape.Length;
        var latents = new float[(long)rows * length];
        var classes = new int[rows];
        var streams = new ulong[rows];
        for (int i = 0; i < rows; i++)
        {
            (int label, int prototype) = plan.Row(first + i);
            set.Centroid(label, prototype).CopyTo(latents.AsSpan(i * length, length));
            classes[i] = labels[label];
            streams[i] = RandomStreams.Synthesis(label, prototype);
        }

        if (synthesizer is null)
            context.Progress.Advance(rows);
        else
            synthesizer.Generate(latents, classes, streams, latents, context.Progress, context.Cancellation, row => NameOf(first + row));
        var images = new float[(long)rows * 3 * decoder.ImageSize * decoder.ImageSize];
        decoder.Decode(latents, rows, images, row => NameOf(first + row), context.Cancellation);
        return images;
    }

    private string NameOf(int row)
    {
        (int label, int prototype) = plan.Row(row);
        return $"the image of prototype {prototype} of class {label} '{set.ClassNames[label]}'";
    }

    /// <summary>Writes a batch's images as PNG files.</summary>
    public void Write(int first, int count, float[] images, int workers)
    {
        int side = decoder.ImageSize, pixels = 3 * side * side;
        void One(int i, PixelBuffer buffer)
        {
            PlanarPixels.FromSigned(images.AsSpan(i * pixels, pixels), buffer.Bytes);
            plan.WriteImage(folder, first + i, buffer.Bytes, _channels, side);
        }

        if (workers <= 1)
        {
            using var buffer = new PixelBuffer(pixels);
            for (int i = 0; i < count; i++)
                One(i, buffer);
            return;
        }

        (context with { Workers = workers }).ForEach(count, () => new PixelBuffer(pixels), One);
    }
}

/// <summary>The files of a worker's previous batch, written while it computes the next. Disposing waits for the last.</summary>
internal sealed class PendingFiles : IDisposable
{
    private Task _previous = Task.CompletedTask;

    /// <summary>Waits for the previous batch's files, then starts the next one's.</summary>
    public void Replace(Action write)
    {
        _previous.GetAwaiter().GetResult();
        _previous = Task.Run(write);
    }

    public void Dispose() => _previous.GetAwaiter().GetResult();
}
