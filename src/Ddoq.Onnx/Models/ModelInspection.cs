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

/// <summary>Loads every network of a model folder and checks it against the folder's configuration and the other parts.</summary>
public static class ModelInspection
{
    /// <summary>Checks all parts that are there; one that is not usable does not hide the others.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="options">Provider and threads; null for the CPU.</param>
    /// <returns>One report per network, in the order of the data's way, then one for encoder and decoder together.</returns>
    public static IReadOnlyList<ModelPartReport> Run(ModelFolder folder, OnnxSessionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new OnnxSessionOptions { Provider = ExecutionProvider.Cpu };
        var reports = new List<ModelPartReport>();
        void Add(string part, string file, Func<string> open)
        {
            if (File.Exists(file))
                reports.Add(Check(part, file, open));
        }

        Add("vae_encoder", folder.EncoderFile, () => SignatureOf(VaeEncoder.Open(folder, options)));
        if (folder is { HasDiffusion: true, Layout: ModelLayout.StableDiffusion })
        {
            Add("text_encoder", folder.TextEncoderFile, () =>
            {
                using TextEncoder encoder = TextEncoder.Open(folder, options);
                return encoder.Signature;
            });
        }

        if (folder.HasDiffusion)
        {
            Add(folder.Layout == ModelLayout.DiT ? "transformer" : "unet", folder.BackboneFile, () =>
            {
                using IDiffusionBackbone backbone = folder.Layout == ModelLayout.DiT
                    ? DiTBackbone.Open(folder, options)
                    : UNetBackbone.Open(folder, [], string.Empty, options);
                return backbone.Signature;
            });
        }

        Add("vae_decoder", folder.DecoderFile, () => SignatureOf(VaeDecoder.Open(folder, options)));
        if (folder.TeacherFolder is { } teacherFolder)
            Add("teacher", Path.Combine(teacherFolder, "model.onnx"), () => CheckTeacher(folder, teacherFolder, options));
        string[] autoencoder = ["vae_encoder", "vae_decoder"];
        if (reports.Count(report => autoencoder.Contains(report.Part) && report.Error is null) == autoencoder.Length)
            Add("vae_encoder and vae_decoder", folder.DecoderFile, () => RoundTrip(folder, options));
        return reports;
    }

    private static string SignatureOf(BatchedNetwork network)
    {
        using (network)
            return network.Signature;
    }

    // The teacher must take the model's images, resized where it says how, and know its classes.
    private static string CheckTeacher(ModelFolder folder, string teacherFolder, OnnxSessionOptions options)
    {
        using Teacher teacher = Teacher.Open(teacherFolder, options, inputSide: folder.ImageSize);
        if (folder.ClassNames.Count > 0 && teacher.ClassCount != folder.ClassNames.Count)
            throw new DdoqException($"{teacherFolder} has {teacher.ClassCount} classes, 'id2label' of {folder.Path} names {folder.ClassNames.Count}", "use the teacher of the model's classes");
        if (teacher.HasClassNames && folder.ClassNames.FirstOrDefault(name => !teacher.ClassNames.Contains(name)) is { } unknown)
            throw new DdoqException($"class '{unknown}' of {folder.Path} is no class of {teacherFolder}", "write the same names to id2label of both");
        return teacher.InputSide == teacher.ImageSize ? teacher.Signature : $"{teacher.Signature}, images of {teacher.InputSide} pixels are resized";
    }

    // A diagonal of greys there and back. Small random networks may do badly, so that the difference is told and not judged.
    private static string RoundTrip(ModelFolder folder, OnnxSessionOptions options)
    {
        int size = folder.ImageSize, plane = size * size;
        float[] image = [.. Enumerable.Range(0, 3 * plane).Select(i => ((i % size) + (i % plane / size)) / (size - 0.5f) - 1)];
        float[] latent = new float[folder.LatentShape.Length], back = new float[image.Length];
        using VaeEncoder encoder = VaeEncoder.Open(folder, options with { BatchSize = 1 });
        using VaeDecoder decoder = VaeDecoder.Open(folder, options with { BatchSize = 1 });
        encoder.EncodeMean(image, 1, latent, _ => "a grey slope");
        decoder.Decode(latent, 1, back, _ => "an encoded grey slope");
        double difference = image.Zip(back, (a, b) => Math.Abs(a - b)).Average();
        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"a grey slope from -1 to 1 comes back with a mean difference of {difference:0.###}");
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
