using Ddoq.Distilled;
using Ddoq.Numerics;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Synthesis;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>Several candidates per prototype through the reverse diffusion, to latents on disk: <see cref="CandidateSet"/>.</summary>
/// <remarks>
/// Batches have fixed members, so an interrupted run redoes the batches in work and ends with the same bytes. Each candidate has a noise
/// stream of its own, the first that of the only image. Memory is that of the batches in work.
/// </remarks>
internal static class CandidateSynthesis
{
    /// <summary>Draws what is missing, and completes the stage.</summary>
    /// <returns>Whether the candidates are complete: a share completes them when it finds all others done in the same folder.</returns>
    /// <exception cref="DdoqException">The network fails, or a candidate is not finite; the message names class, prototype, candidate and seed.</exception>
    public static bool Run(
        PrototypeSet set, ClassConditions conditions, ModelFolder model, SynthesisOptions sampling, SynthesizeOptions options, string origin, StageFolder stage, SynthesisNetworks? networks, StageContext context)
    {
        if (stage.IsComplete)
        {
            context.Progress.Message($"synthesize: complete in {stage.Path}");
            return true;
        }

        var list = new CandidateList(
            set.ClassNames,
            [set.Shape.Channels, set.Shape.Height, set.Shape.Width],
            [.. Enumerable.Range(0, set.ClassNames.Count).Select(set.CenterCount)],
            options.Candidates,
            set.Info.CentersPerClass,
            sampling.Seed,
            sampling.BatchSize!.Value,
            set.Info.Algorithm,
            origin,
            set.Info.Latents.Extra.GetValueOrDefault(EncodeStage.SourceChannelsKey) == "1");
        bool isWhole = ShareWork.Run(stage.Path, context, list, own => DrawShare(set, list, conditions, model, sampling, networks!.Backbone!, stage, own));
        if (!isWhole)
        {
            ShareWork.TellDone(SynthesizeStage.Name, context);
            return false;
        }

        Join(stage, list);
        return true;
    }

    /// <summary>Writes the list of the candidates of all shares, and completes the stage.</summary>
    /// <exception cref="DdoqException">A batch is missing or damaged.</exception>
    public static void Join(StageFolder stage, CandidateList list)
    {
        long[] missing = [.. Batches(list, Share.All).Where(batch => !CandidateSet.HasBatch(stage.Path, list, batch))];
        if (missing.Length > 0)
            throw MissingUnits.Of("batch", missing.Select(batch => list.NameOf(batch * list.BatchSize) + " and on"), missing.Length, (int)list.BatchCount, stage.Path, "synthesize");
        stage.Complete(CandidateSet.Complete(stage.Path, list));
        new ShareFolder(stage.Path).Remove();
    }

    private static void DrawShare(
        PrototypeSet set, CandidateList list, ClassConditions conditions, ModelFolder model, SynthesisOptions sampling, IDiffusionBackbone backbone, StageFolder stage, StageContext context)
    {
        long[] own = [.. Batches(list, context.Share)], open = [.. own.Where(batch => !CandidateSet.HasBatch(stage.Path, list, batch))];
        long all = own.Sum(batch => (long)list.RowsOf(batch)), missing = open.Sum(batch => (long)list.RowsOf(batch));
        DiskSpace.Require(stage.Path, all * list.Shape.Length * sizeof(float), $"{all} candidates of {list.Shape}");
        context.Progress.Begin("synthesize", all, "candidates", all - missing);
        try
        {
            if (open.Length > 0)
                Generate(set, list, open, conditions, model, sampling, backbone, stage, context);
        }
        finally
        {
            context.Progress.End();
        }
    }

    private static void Generate(
        PrototypeSet set, CandidateList list, long[] open, ClassConditions conditions, ModelFolder model, SynthesisOptions sampling, IDiffusionBackbone backbone, StageFolder stage, StageContext context)
    {
        using var synthesizer = new DiffusionSynthesizer(backbone, model.Scheduler, sampling);
        int lanes = Math.Clamp(backbone.LaneCount, 1, context.Workers), length = set.Shape.Length;
        var saving = new Lock();
        (context with { Workers = lanes }).ForEach(open.Length, () => new PendingFiles(), (i, pending) =>
        {
            long first = open[i] * list.BatchSize;
            int rows = list.RowsOf(open[i]);
            var latents = new float[rows * length];
            var classes = new int[rows];
            var streams = new ulong[rows];
            for (int row = 0; row < rows; row++)
            {
                (int label, int prototype, int candidate) = list.Row(first + row);
                set.Centroid(label, prototype).CopyTo(latents.AsSpan(row * length, length));
                classes[row] = conditions.Labels[label];
                streams[row] = RandomStreams.Synthesis(label, prototype, candidate);
            }

            synthesizer.Generate(latents, classes, streams, latents, context.Progress, context.Cancellation, row => list.NameOf(first + row));
            pending.Replace(() => CandidateSet.WriteBatch(stage.Path, list, open[i], latents));
            lock (saving)
                stage.SaveTiming();
        });
    }

    private static IEnumerable<long> Batches(CandidateList list, Share share)
    {
        (int first, int end) = share.Range(checked((int)list.BatchCount));
        for (int batch = first; batch < end; batch++)
            yield return batch;
    }
}
