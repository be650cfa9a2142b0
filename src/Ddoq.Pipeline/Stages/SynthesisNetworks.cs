using System.Runtime.ExceptionServices;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Pipeline.Stages;

/// <summary>Network of the reverse process, where it is run, and decoder, loaded side by side: each takes a core, and large ones take long.</summary>
internal sealed class SynthesisNetworks : IDisposable
{
    private SynthesisNetworks(IDiffusionBackbone? backbone, VaeDecoder decoder) => (Backbone, Decoder) = (backbone, decoder);

    /// <summary>Null where prototypes are decoded as they are.</summary>
    public IDiffusionBackbone? Backbone { get; }

    public VaeDecoder Decoder { get; }

    /// <summary>Batches in work at once.</summary>
    public int LanesFor(StageContext context) => Math.Clamp(Backbone?.LaneCount ?? Decoder.LaneCount, 1, context.Workers);

    /// <summary>Loads both; when one fails, neither stays. Without conditions the decoder alone.</summary>
    /// <exception cref="DdoqException">A network is missing, damaged, or not what its folder says.</exception>
    public static SynthesisNetworks Open(ClassConditions? conditions, ModelFolder model, OnnxSessionOptions session, IProgressSink progress)
    {
        if (conditions is null)
            return new SynthesisNetworks(null, VaeDecoder.Open(model, session, progress));
        VaeDecoder? decoder = null;
        ExceptionDispatchInfo? failure = null;
        var second = new Thread(() =>
        {
            try
            {
                decoder = VaeDecoder.Open(model, session);
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        second.Start();
        IDiffusionBackbone? backbone = null;
        try
        {
            backbone = conditions.Open(model, session, progress);
        }
        finally
        {
            second.Join();
            if (backbone is null)
                decoder?.Dispose();
            else if (decoder is null)
                backbone.Dispose();
        }

        failure?.Throw();
        return new SynthesisNetworks(backbone, decoder!);
    }

    public void Dispose()
    {
        Decoder.Dispose();
        Backbone?.Dispose();
    }
}
