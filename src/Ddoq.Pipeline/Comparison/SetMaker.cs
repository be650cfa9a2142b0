using Ddoq.Onnx.Schedulers;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Pipeline;

/// <summary>Makes the prototypes and the distilled sets of the comparison, each repeat of it with a seed of its own.</summary>
/// <remarks>The seed of repeat r is the run's plus r: of quantiser, noise, selection and random draws. Repeat 0 is what single stages make with the run's seed.</remarks>
internal sealed class SetMaker(PipelineConfiguration configuration, OutputLayout layout)
{
    private readonly EncodeOptions _encode = EncodeOptions.From(configuration);
    private readonly QuantizeOptions _quantize = QuantizeOptions.From(configuration);
    // Enough that the best of them differ from the first; more cost as much again for less.
    private const int DefaultCandidates = 12;

    private readonly SynthesizeOptions _synthesize = SynthesizeOptions.From(configuration) with { DataLatents = layout.Latents };
    private readonly LabelOptions _label = LabelOptions.From(configuration);

    /// <summary>Candidates of a prototype in the sets that keep the best of several.</summary>
    public static int CandidatesOf(SynthesizeOptions options) => options.Candidates > 1 ? options.Candidates : DefaultCandidates;

    /// <summary>Makes prototypes, or finds them complete.</summary>
    public void Quantize(PrototypeRecipe prototypes, int repeat, StageContext context)
    {
        QuantizeStage.Run(prototypes.Adapt(_quantize).ForRepeat(repeat), layout.Latents, layout.Prototypes(prototypes, repeat), context);
    }

    /// <summary>Makes a set whose prototypes are there, or finds it complete.</summary>
    public void Make(SetRecipe set, int repeat, StageContext context)
    {
        string folder = layout.Distilled(set, repeat);
        if (set.Source is ImageSource.RealImages or ImageSource.RealImagesDecoded)
        {
            EncodeOptions source = _encode with { Seed = _encode.Seed + (ulong)repeat };
            RandomImagesStage.Run(source, _quantize.Quantizer.CentroidCount, set.Source == ImageSource.RealImagesDecoded, folder, context);
            return;
        }

        if (set.Source == ImageSource.Coreset)
        {
            var options = new SelectOptions
            {
                Rule = set.Selection!,
                Quantize = _quantize.ForRepeat(repeat),
                Images = _encode.Images,
                Prototypes = set.Prototypes is { } own ? layout.PrototypeFile(own, repeat) : null,
            };
            CoresetStage.Run(options, layout.Latents, _encode.Images.FitFor(_encode.OpenModel()), folder, context);
            return;
        }

        if (set.Source == ImageSource.Mosaics)
        {
            MosaicStage.Run(_encode with { Seed = _encode.Seed + (ulong)repeat }, _label, _quantize.Quantizer.CentroidCount, folder, context);
            return;
        }

        if (set.Source == ImageSource.Candidates)
        {
            Select(set, repeat, folder, context);
            return;
        }

        Synthesize(set, repeat, folder, context);
    }

    private void Select(SetRecipe set, int repeat, string folder, StageContext context)
    {
        string candidates = layout.Candidates(set.Prototypes!, repeat), prototypes = layout.PrototypeFile(set.Prototypes!, repeat);
        SynthesizeOptions options = _synthesize with
        {
            Candidates = CandidatesOf(_synthesize),
            WeightsFrom = WeightSource.Centres,
            Sampling = _synthesize.Sampling with { Seed = _synthesize.Sampling.Seed + (ulong)repeat },
        };
        SynthesizeStage.Run(options, prototypes, candidates, context);
        SelectOptions selection = SelectOptions.From(configuration) with
        {
            Rule = set.Selection!,
            Weights = set.Weights,
            Quantize = _quantize.ForRepeat(repeat),
            Prototypes = prototypes,
        };
        CandidateStage.Run(selection, candidates, layout.Latents, folder, context);
    }

    private void Synthesize(SetRecipe set, int repeat, string folder, StageContext context)
    {
        StartLevel? start = set.Source switch
        {
            ImageSource.Decoded => StartLevel.NoDiffusion,
            ImageSource.Noise => StartLevel.PureNoise,
            _ => _synthesize.Sampling.Start,
        };
        SynthesizeOptions options = _synthesize with
        {
            Candidates = 1,
            Weights = set.Weights ?? _synthesize.Weights,
            WeightsFrom = set.WeightsFrom ?? _synthesize.WeightsFrom,
            SameImages = set.WeightsFrom is null ? null : layout.Distilled(SetRecipe.Ddoq, repeat),
            Sampling = _synthesize.Sampling with { Start = start, Seed = _synthesize.Sampling.Seed + (ulong)repeat },
        };
        SynthesizeStage.Run(options, layout.PrototypeFile(set.Prototypes!, repeat), folder, context);
    }
}
