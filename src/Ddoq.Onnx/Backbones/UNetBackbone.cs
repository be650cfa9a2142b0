using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Text;

namespace Ddoq.Onnx.Backbones;

/// <summary>
/// A text-conditional UNet (Stable Diffusion 1.x and 2.x): <c>sample</c> [b,c,h,w], <c>timestep</c>,
/// <c>encoder_hidden_states</c> [b, length, width] to <c>out_sample</c> [b,c,h,w]. A class is its prompt.
/// </summary>
/// <remarks>In a guided batch the rows with the negative prompt come first, those with the class's prompt second.</remarks>
public sealed class UNetBackbone : OnnxBackbone
{
    private readonly PromptConditions _conditions;
    private readonly TensorSignature _timestep;
    private readonly TensorSignature _states;

    private UNetBackbone(ModelFolder folder, OnnxSession session, PromptConditions conditions)
        : base("UNet", FindTensors(folder, session))
    {
        _conditions = conditions;
        (int length, int width) = conditions.Shape;
        _timestep = session.RequireInput(new TensorContract(["timestep"], [.. TensorContract.Integers, .. TensorContract.Floats], new Dimension("1 or b")) { OtherRanks = [0] });
        _states = session.RequireInput(new TensorContract(["encoder_hidden_states"], TensorContract.Floats, new("b"), new("length", length), new("width", width)));
    }

    /// <inheritdoc/>
    public override int ClassCount => _conditions.Count;

    /// <summary>Loads the UNet, the text encoder and the tokenizer of a model folder.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="classPrompts">One prompt per class, in label order; D4M takes the class's synset line.</param>
    /// <param name="negativePrompt">What guidance leads away from; D4M takes "cartoon, anime, painting".</param>
    /// <param name="options">Provider and threads; null for the defaults.</param>
    /// <param name="progress">Told of a fallback and of prompts that are cut; null to tell nobody.</param>
    /// <exception cref="DdoqException">A network is missing, damaged, or not what its folder says.</exception>
    public static UNetBackbone Open(
        ModelFolder folder,
        IReadOnlyList<string> classPrompts,
        string negativePrompt = "",
        OnnxSessionOptions? options = null,
        IProgressSink? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(classPrompts);
        ArgumentNullException.ThrowIfNull(negativePrompt);
        if (folder.Layout != ModelLayout.StableDiffusion)
            throw new DdoqException($"{folder.Path} is conditioned on class labels, not on prompts", "open its transformer");
        options ??= new OnnxSessionOptions();

        // Prompts are encoded one by one, each once.
        TextEncoder encoder = TextEncoder.Open(folder, options with { RowsPerCall = Math.Min(options.RowsPerCall, 1) }, progress);
        try
        {
            var conditions = new PromptConditions(encoder, classPrompts, negativePrompt, progress ?? NullProgress.Instance);
            LatentShape shape = folder.LatentShape;
            (int length, int width) = conditions.Shape;
            options = options with
            {
                InputShapes = new Dictionary<string, int[]> { ["sample"] = [shape.Channels, shape.Height, shape.Width], ["encoder_hidden_states"] = [length, width] },
            };
            return OnnxSession.Open(folder.BackboneFile, options, progress, session => new UNetBackbone(folder, session, conditions));
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _conditions.Dispose();
    }

    internal override BackboneConditions CreateConditions(int batchSize, bool guided) => new Conditions(this, batchSize, guided);

    private static BackboneTensors FindTensors(ModelFolder folder, OnnxSession session)
    {
        session.RequireInputCount(3);
        return new BackboneTensors(
            session,
            session.RequireInput(NetworkTensors.Latents("sample", folder.LatentShape)),
            session.RequireOutput(NetworkTensors.Latents("out_sample", folder.LatentShape)),
            folder.LatentShape,
            folder.LatentShape.Channels,
            ConditionalFirst: false);
    }

    private sealed class Conditions : BackboneConditions
    {
        private readonly PromptConditions _prompts;
        private readonly bool _guided;

        public Conditions(UNetBackbone owner, int batchSize, bool guided)
            : base(
                new TensorBuffer(owner._timestep, TimestepShape(owner, guided ? 2 * batchSize : batchSize)),
                new TensorBuffer(owner._states, guided ? 2 * batchSize : batchSize, owner._conditions.Shape.Length, owner._conditions.Shape.Width))
        {
            _prompts = owner._conditions;
            _guided = guided;
            float[] negative = _prompts.Negative;
            for (int first = 0; first < Rows.Floats.Length; first += negative.Length)
                negative.CopyTo(Rows.Floats[first..]);
        }

        public override void SetClasses(ReadOnlySpan<int> classes)
        {
            Span<float> states = Rows.Floats[(_guided ? Rows.Floats.Length / 2 : 0)..];
            int length = states.Length / classes.Length;
            for (int row = 0; row < classes.Length; row++)
                _prompts.OfClass(classes[row]).CopyTo(states.Slice(row * length, length));
        }

        // A scalar, one value for all rows, or one per row: whichever the exporter chose.
        private static long[] TimestepShape(UNetBackbone owner, int rows)
        {
            TensorSignature timestep = owner._timestep;
            if (timestep.Dimensions.Count == 0)
                return [];
            if (timestep.Dimensions[0] is { } size)
                return [size];
            string symbol = timestep.Symbols[0];
            return [symbol.Length > 0 && symbol == owner.Tensors.Latents.Symbols[0] ? rows : 1];
        }
    }
}
