using System.Security.Cryptography;

namespace Ddoq.Onnx.Models;

/// <summary>Where the parts of a model lie: in its own folder, or in another model's that <c>model_index.json</c> names.</summary>
/// <remarks>
/// <c>"parts": {"vae_encoder": "../other/vae_encoder"}</c> lets models that were trained on the same latents share an
/// autoencoder and a teacher. Paths are relative to the folder of <c>model_index.json</c>, with forward slashes.
/// </remarks>
internal sealed class ModelParts
{
    private static readonly string[] s_names =
        ["vae_encoder", "vae_decoder", "transformer", "unet", "text_encoder", "tokenizer", "scheduler", "teacher"];

    private readonly SortedDictionary<string, string> _elsewhere = new(StringComparer.Ordinal);

    private ModelParts(string root) => Root = root;

    /// <summary>The model's own folder.</summary>
    public string Root { get; }

    /// <summary>Reads where the parts lie.</summary>
    /// <exception cref="DdoqException">A part is not known, or its folder does not exist.</exception>
    public static ModelParts Read(string root, ConfigurationFile index)
    {
        var parts = new ModelParts(root);
        if (index.Section("parts") is not { } section)
            return parts;
        foreach (System.Text.Json.JsonProperty property in section.Root.EnumerateObject())
        {
            if (!s_names.Contains(property.Name, StringComparer.Ordinal))
                throw new DdoqException($"{section.Path}: part '{property.Name}' is not known; parts are {string.Join(", ", s_names)}", "correct the name, or remove the entry");
            string folder = Path.GetFullPath(section.Text(property.Name) ?? property.Name, root);
            if (!Directory.Exists(folder))
                throw new DdoqException($"{section.Path}: '{property.Name}' is {section.Text(property.Name)}, but {folder} does not exist", "copy the model it shares the part with to that place, or correct the path");
            parts._elsewhere.Add(property.Name, folder);
        }

        return parts;
    }

    /// <summary>The folder of a part, whether or not it exists.</summary>
    public string FolderOf(string part) => _elsewhere.TryGetValue(part, out string? folder) ? folder : Path.Combine(Root, part);

    /// <summary>The network of a part, whether or not it exists.</summary>
    public string NetworkOf(string part) => Path.Combine(FolderOf(part), "model.onnx");

    /// <summary>SHA-256 of all files, by path under the root or under the part's name.</summary>
    public SortedDictionary<string, string> ComputeFileHashes()
    {
        SortedDictionary<string, string> hashes = HashFolder(Root);
        foreach ((string part, string folder) in _elsewhere)
        {
            foreach ((string file, string hash) in HashFolder(folder))
                hashes[$"{part}/{file}"] = hash;
        }

        return hashes;
    }

    /// <summary>SHA-256 of the files of one folder, by relative path.</summary>
    /// <exception cref="DdoqException">A file cannot be read.</exception>
    public static SortedDictionary<string, string> HashFolder(string folder)
    {
        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                using FileStream stream = File.OpenRead(file);
                hashes.Add(Path.GetRelativePath(folder, file).Replace('\\', '/'), Convert.ToHexStringLower(SHA256.HashData(stream)));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"model folder {folder} cannot be read: {exception.Message}", innerException: exception);
        }

        return hashes;
    }
}
