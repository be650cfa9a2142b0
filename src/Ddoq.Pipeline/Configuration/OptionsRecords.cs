using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Training;

namespace Ddoq.Pipeline.Configuration;

/// <summary>The options records that settings have places in, each with the values when nobody gives any.</summary>
/// <remarks>A default stands here only where the pipeline's differs from the library's.</remarks>
internal static class OptionsRecords
{
    public static readonly OptionsOf<ImageOptions> Images = new(new ImageOptions());

    public static readonly OptionsOf<EncodeOptions> Encode = new(new EncodeOptions());

    public static readonly OptionsOf<QuantizerOptions> Quantizer = new(new QuantizerOptions { CentroidCount = 10, Restarts = 4 });

    public static readonly OptionsOf<QuantizeOptions> Quantize = new(new QuantizeOptions { Quantizer = Quantizer.Defaults });

    public static readonly OptionsOf<SelectOptions> Select = new(new SelectOptions { Quantize = Quantize.Defaults });

    public static readonly OptionsOf<SynthesisOptions> Sampling = new(new SynthesisOptions { Scheduler = SchedulerKind.DpmSolverPlusPlus });

    public static readonly OptionsOf<SynthesizeOptions> Synthesize = new(new SynthesizeOptions { Sampling = Sampling.Defaults });

    public static readonly OptionsOf<LabelOptions> Label = new(new LabelOptions());

    public static readonly OptionsOf<StudentOptions> Student = new(new StudentOptions());

    public static readonly OptionsOf<TrainOptions> Train = new(new TrainOptions());

    public static readonly OptionsOf<OnnxSessionOptions> Sessions = new(new OnnxSessionOptions());
}
