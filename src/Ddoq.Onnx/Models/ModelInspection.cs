using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Teachers;
using Ddoq.Onnx.Text;

namespace Ddoq.Onnx.Models;

/// <summary>One network of a model folder, after loading it.</summary>
/// <param name="Part">Name of the part, for example <c>unet</c>.</param>
/// <param name="File">The network's file.</param>
/// <param name="Bytes">Size of the part's folder, weights in further files included.</param>
/// <param name="Signature">What the network takes and gives; empty when it is not usable.</param>
/// <param name="Error">Why it is not usable; null when it is.</param>
public sealed record ModelPartReport(string Part, string File, long Bytes, string Signature, DdoqException? Error);

/// <summary>Loads every network of a model folder and checks it against the folder's configuration.</summary>
public static class ModelInspection
{
    /// <summary>Checks all parts; one that is not usable does not hide the others.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Provider and threads; null for the CPU.</param>
    /// <returns>One report per network, in the order of the data's way.</returns>
    public static IReadOnlyList<ModelPartReport> Run(ModelFolder folder, OnnxSessionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new OnnxSessionOptions { Provider = ExecutionProvider.Cpu };
        var reports = new List<ModelPartReport>
        {
            Check("vae_encoder", folder.EncoderFile, () =>
            {
                using VaeEncoder encoder = VaeEncoder.Open(folder, options);
                return encoder.Signature;
            }),
        };
        if (folder.Layout == ModelLayout.StableDiffusion)
        {
            reports.Add(Check("text_encoder", folder.TextEncoderFile, () =>
            {
                using TextEncoder encoder = TextEncoder.Open(folder, options);
                return encoder.Signature;
            }));
        }

        reports.Add(Check(folder.Layout == ModelLayout.DiT ? "transformer" : "unet", folder.BackboneFile, () =>
        {
            using IDiffusionBackbone backbone = folder.Layout == ModelLayout.DiT
                ? DiTBackbone.Open(folder, options)
                : UNetBackbone.Open(folder, [], string.Empty, options);
            return backbone.Signature;
        }));
        reports.Add(Check("vae_decoder", folder.DecoderFile, () =>
        {
            using VaeDecoder decoder = VaeDecoder.Open(folder, options);
            return decoder.Signature;
        }));
        if (folder.TeacherFolder is { } teacherFolder)
        {
            reports.Add(Check("teacher", Path.Combine(teacherFolder, "model.onnx"), () =>
            {
                using Teacher teacher = Teacher.Open(teacherFolder, options);
                return teacher.Signature;
            }));
        }

        return reports;
    }

    private static ModelPartReport Check(string part, string file, Func<string> open)
    {
        long bytes = Directory.EnumerateFiles(Path.GetDirectoryName(file)!, "*", SearchOption.AllDirectories).Sum(path => new FileInfo(path).Length);
        try
        {
            return new ModelPartReport(part, file, bytes, open(), null);
        }
        catch (DdoqException exception)
        {
            return new ModelPartReport(part, file, bytes, string.Empty, exception);
        }
    }
}
