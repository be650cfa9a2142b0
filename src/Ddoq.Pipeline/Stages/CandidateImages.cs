using System.Numerics.Tensors;
using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>The images of candidates: what a selection compares, and what of them is written. Networks are loaded when they are first needed.</summary>
internal sealed class CandidateImages : IDisposable
{
    // Images decoded together.
    internal const int ChunkRows = 16;

    private readonly SelectOptions _options;
    private readonly CandidateSet _set;
    private readonly ModelFolder _model;
    private readonly Lock _loading = new();
    private VaeDecoder? _decoder;
    private VaeEncoder? _encoder;
    private AlignedTeacher? _teacher;

    /// <summary>Looks at model and teacher; loads nothing.</summary>
    /// <exception cref="DdoqException">The model is not usable, or not the one that made the candidates or encoded the data.</exception>
    public CandidateImages(SelectOptions options, CandidateSet set, string candidates, LatentStore store, string latents)
    {
        _options = options;
        _set = set;
        bool encodes = options.CandidateLatents == CandidateSpace.Images;
        ProviderChoice.Require(options.Provider);
        _model = ModelFolder.Open(options.Model ?? ShippedResources.ReferenceModel, encodes ? ModelUse.Decoder | ModelUse.Encoder : ModelUse.Decoder);
        if (File.Exists(Path.Combine(candidates, StageFolder.RecordFileName))
            && StageFolder.Read(candidates).Settings.TryGetValue("model", out string? made) && made != SynthesizeStage.IdentityOf(_model))
        {
            throw new DdoqException($"the candidates in {candidates} were made with another model than {_model.Path}", "Give the --model that made them.");
        }

        if (encodes && store.Info.EncoderHash.Length > 0 && store.Info.EncoderHash != _model.ComputeEncoderHash())
            throw new DdoqException($"the latents in {latents} are of another encoder than that of {_model.Path}", "Encode the images with the model that made the candidates, or leave --candidate-latents out.");
        if (options.MinConfidence > 0)
        {
            TeacherFolder = options.Teacher ?? _model.TeacherFolder
                ?? throw new DdoqException($"--min-confidence asks a teacher, and the model {_model.Path} has no folder 'teacher'", "Give --teacher, or leave --min-confidence out.");
        }
    }

    /// <summary>The teacher's folder; empty where none is asked.</summary>
    public string TeacherFolder { get; } = string.Empty;

    /// <summary>Loads all networks that the selection will use.</summary>
    /// <exception cref="DdoqException">A network is missing or damaged, or the teacher does not fit the classes.</exception>
    public void Load(StageContext context) => Load(context, _options.CandidateLatents == CandidateSpace.Images, _options.MinConfidence > 0);

    /// <summary>The latents of a class's candidates (n x D), the generator's own or those of their images, and the teacher's confidence in their class where it is asked for.</summary>
    /// <exception cref="DdoqException">A network fails, or a value is not finite; the message names class, prototype, candidate and seed.</exception>
    public (float[] Latents, float[]? Confidences) Measure(int c, StageContext context)
    {
        int length = _set.List.Shape.Length, count = _set.List.CountOf(c);
        var latents = new float[count * length];
        _set.Read(c, 0, latents);
        bool encodes = _options.CandidateLatents == CandidateSpace.Images, judges = _options.MinConfidence > 0;
        if (!encodes && !judges)
            return (latents, null);
        Load(context, encodes, judges);
        int pixels = 3 * _model.ImageSize * _model.ImageSize, classes = _set.List.ClassNames.Count;
        var images = new float[ChunkRows * pixels];
        var bytes = new byte[ChunkRows * pixels];
        var logits = new float[judges ? ChunkRows * classes : 0];
        float[]? confidences = judges ? new float[count] : null;
        for (int first = 0; first < count; first += ChunkRows)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            int start = first, rows = Math.Min(ChunkRows, count - first);
            Func<int, string> nameOf = row => "the image of " + _set.List.NameOf(_set.List.FirstOf(c) + start + row);
            _decoder!.Decode(latents.AsSpan(first * length, rows * length), rows, images.AsSpan(0, rows * pixels), nameOf, context.Cancellation);

            // Both see the image as it would be written.
            PlanarPixels.FromSigned(images.AsSpan(0, rows * pixels), bytes.AsSpan(0, rows * pixels));
            if (confidences is not null)
            {
                PlanarPixels.ToUnit(bytes.AsSpan(0, rows * pixels), images.AsSpan(0, rows * pixels));
                _teacher!.Logits(images.AsSpan(0, rows * pixels), rows, logits.AsSpan(0, rows * classes), nameOf);
                for (int i = 0; i < rows; i++)
                {
                    Span<float> row = logits.AsSpan(i * classes, classes);
                    TensorPrimitives.SoftMax(row, row);
                    confidences[first + i] = row[c];
                }
            }

            if (encodes)
            {
                PlanarPixels.ToSigned(bytes.AsSpan(0, rows * pixels), images.AsSpan(0, rows * pixels));
                _encoder!.EncodeMean(images.AsSpan(0, rows * pixels), rows, latents.AsSpan(first * length, rows * length), nameOf, context.Cancellation);
            }
        }

        return (latents, confidences);
    }

    /// <summary>Side of the images in pixels.</summary>
    public int Side => _model.ImageSize;

    /// <summary>The first candidates of a class as PNG files.</summary>
    /// <exception cref="DdoqException">The decoder fails; the message names class, prototype, candidate and seed.</exception>
    public IReadOnlyList<byte[]> Render(int c, int count, StageContext context)
    {
        Load(context, encodes: false, judges: false);
        int pixels = 3 * Side * Side, length = _set.List.Shape.Length;
        float[] latents = new float[count * length], images = new float[count * pixels];
        _set.Read(c, 0, latents);
        _decoder!.Decode(latents, count, images, row => "the image of " + NameOf((c, row)), context.Cancellation);
        var files = new byte[count][];
        for (int i = 0; i < count; i++)
        {
            var bytes = new byte[pixels];
            PlanarPixels.FromSigned(images.AsSpan(i * pixels, pixels), bytes);
            files[i] = DistilledPlan.EncodePng(bytes, _set.List.IsGrey ? 1 : 3, Side);
        }

        return files;
    }

    /// <summary>Decodes and writes the images of a plan that are not there yet.</summary>
    /// <param name="plan">The images, whose order is that of <paramref name="chosen"/>.</param>
    /// <param name="chosen">Class and candidate of each image.</param>
    /// <param name="own">The classes whose images are written.</param>
    /// <param name="stage">The stage; images go to its folder.</param>
    /// <param name="context">Workers, progress, cancellation.</param>
    public void Write(DistilledPlan plan, IReadOnlyList<(int Class, int Index)> chosen, IReadOnlySet<int> own, StageFolder stage, StageContext context)
    {
        int[] all = [.. Enumerable.Range(0, plan.Count).Where(i => own.Contains(chosen[i].Class))];

        // What a decoder gives for a latent does not depend on those beside it.
        int[][] open = [.. all.Where(i => !plan.HasImages(stage.Path, i, 1)).Chunk(ChunkRows)];
        if (open.Length == 0)
            return;
        Load(context, encodes: false, judges: false);
        int side = _model.ImageSize, pixels = 3 * side * side, length = _set.List.Shape.Length;
        context.Progress.Begin("decode", all.Length, "images", all.Length - open.Sum(chunk => chunk.Length));
        try
        {
            context.ForEach(open.Length, () => new PixelBuffer(pixels), (i, buffer) =>
            {
                int[] chunk = open[i];
                int rows = chunk.Length;
                var latents = new float[rows * length];
                var images = new float[rows * pixels];
                for (int row = 0; row < rows; row++)
                    _set.Read(chosen[chunk[row]].Class, chosen[chunk[row]].Index, latents.AsSpan(row * length, length));
                _decoder!.Decode(latents, rows, images, row => "the image of " + NameOf(chosen[chunk[row]]), context.Cancellation);
                for (int row = 0; row < rows; row++)
                {
                    PlanarPixels.FromSigned(images.AsSpan(row * pixels, pixels), buffer.Bytes);
                    plan.WriteImage(stage.Path, chunk[row], buffer.Bytes, _set.List.IsGrey ? 1 : 3, side);
                }

                context.Progress.Advance(rows);
            });
        }
        finally
        {
            context.Progress.End();
        }
    }

    public void Dispose()
    {
        _decoder?.Dispose();
        _encoder?.Dispose();
        _teacher?.Dispose();
    }

    private string NameOf((int Class, int Index) candidate) => _set.List.NameOf(_set.List.FirstOf(candidate.Class) + candidate.Index);

    private void Load(StageContext context, bool encodes, bool judges)
    {
        OnnxSessionOptions session = context.Networks with { Provider = _options.Provider, Threads = context.Workers, BatchSize = ChunkRows };
        lock (_loading)
        {
            _decoder ??= VaeDecoder.Open(_model, session, context.Progress);
            if (encodes)
                _encoder ??= VaeEncoder.Open(_model, session);
            if (judges)
                _teacher ??= AlignedTeacher.Open(TeacherFolder, _options.Provider, _set.List.ClassNames, _model.ImageSize, context);
        }
    }
}
