using System.Globalization;

namespace Ddoq.Imaging;

/// <summary>The class of each of ImageNet's validation images, which lie in one folder and say nothing of it themselves.</summary>
/// <remarks>
/// Two sources: <c>LOC_val_solution.csv</c> of the Kaggle challenge (a line <c>ILSVRC2012_val_00048981,n03995372 85 1 499 272</c> for
/// each image), or the development kit's <c>ILSVRC2012_validation_ground_truth.txt</c> (line i is the number of image i's class)
/// with <c>meta.mat</c>, whose struct array <c>synsets</c> gives the name (<c>WNID</c>) of each number (<c>ILSVRC2012_ID</c>).
/// </remarks>
internal sealed class ValidationLabels
{
    private const string CsvName = "LOC_val_solution.csv", TruthName = "ILSVRC2012_validation_ground_truth.txt", MetaName = "meta.mat";

    // Where the development kit unpacks to, and its parts moved to the images.
    private static readonly string[] s_places =
        ["", "data", "devkit", "devkit/data", "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12/data"];

    private readonly string _source;
    private readonly Dictionary<string, string>? _byName;
    private readonly string[] _byNumber = [];

    private ValidationLabels(string source, Dictionary<string, string> byName) => (_source, _byName) = (source, byName);

    private ValidationLabels(string source, string[] byNumber) => (_source, _byNumber) = (source, byNumber);

    /// <summary>True when a data folder has a list of labels.</summary>
    public static bool AreIn(string folder) => s_places.Any(place =>
        File.Exists(Path.Combine(folder, place, CsvName)) || File.Exists(Path.Combine(folder, place, TruthName)));

    /// <summary>Finds and reads the labels in a data folder.</summary>
    /// <exception cref="DdoqException">There are none, or the files are damaged.</exception>
    public static ValidationLabels Read(string folder, string images)
    {
        foreach (string place in s_places)
        {
            string path = Path.Combine(folder, place, CsvName);
            if (File.Exists(path))
                return ReadCsv(path);
        }

        foreach (string place in s_places)
        {
            string truth = Path.Combine(folder, place, TruthName), meta = Path.Combine(folder, place, MetaName);
            if (!File.Exists(truth))
                continue;
            if (!File.Exists(meta))
                throw new DdoqException($"{truth} is there, but {MetaName} is not beside it", "copy it from the development kit's folder data/: it tells what the numbers stand for");
            return ReadDevkit(truth, meta);
        }

        throw new DdoqException(
            $"{images} has images without class folders, and neither {CsvName} nor {TruthName} with {MetaName} is in {folder}, its data/ or ILSVRC2012_devkit_t12/data/",
            "unpack ILSVRC2012_devkit_t12.tar.gz into the data folder, or copy LOC_val_solution.csv there");
    }

    /// <summary>The WordNet number of an image's class.</summary>
    /// <param name="fileName">The image's file name, for example <c>ILSVRC2012_val_00000293.JPEG</c>.</param>
    /// <param name="place">Where it is, for the message.</param>
    /// <exception cref="DdoqException">The labels do not tell.</exception>
    public string ClassOf(string fileName, string place)
    {
        string name = Path.GetFileNameWithoutExtension(fileName);
        if (_byName is not null)
            return _byName.TryGetValue(name, out string? found) ? found : throw Unknown(place, $"has no line for {name}");
        int digits = name.Length - name.AsSpan().TrimEnd("0123456789").Length;
        return int.TryParse(name.AsSpan(name.Length - digits), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && number >= 1 && number <= _byNumber.Length
            ? _byNumber[number - 1]
            : throw Unknown(place, $"has lines for images 1 to {_byNumber.Length}, numbered at the end of their names");
    }

    private static ValidationLabels ReadCsv(string path)
    {
        string[] lines = DataFile.ReadAllLines(path);
        var byName = new Dictionary<string, string>(lines.Length, StringComparer.Ordinal);
        for (int i = 1; i < lines.Length; i++)
        {
            if (lines[i].Length == 0)
                continue;
            string[] cells = lines[i].Split(',', 2);
            string synset = cells.Length == 2 ? cells[1].Trim().Split(' ', 2)[0] : "";
            if (!WordNetId.Is(synset))
                throw new DdoqException($"{path}, line {i + 1}: '{lines[i]}' is not an image and a class such as ILSVRC2012_val_00048981,n03995372 85 1 499 272", "fetch the file again");
            if (byName.TryAdd(cells[0], synset))
                continue;
            throw new DdoqException($"{path}, line {i + 1}: {cells[0]} is named twice", "fetch the file again");
        }

        return new ValidationLabels(path, byName);
    }

    private static ValidationLabels ReadDevkit(string truth, string meta)
    {
        Dictionary<int, string> synsets = ReadSynsets(meta);
        string[] lines = DataFile.ReadAllLines(truth);
        var byNumber = new List<string>(lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            if (i == lines.Length - 1 && lines[i].Length == 0)
                break;
            byNumber.Add(int.TryParse(lines[i].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && synsets.TryGetValue(number, out string? synset)
                ? synset
                : throw new DdoqException($"{truth}, line {i + 1}: '{lines[i]}' is no ILSVRC2012_ID of {meta}", "take both files from one development kit"));
        }

        return new ValidationLabels(truth, [.. byNumber]);
    }

    private static Dictionary<int, string> ReadSynsets(string meta)
    {
        const string Hint = "take meta.mat from ImageNet's development kit (ILSVRC2012_devkit_t12.tar.gz)";
        MatArray? table = MatFile.Read(meta).FirstOrDefault(variable => variable.Name == "synsets");
        if (table is null || !table.Fields.TryGetValue("ILSVRC2012_ID", out MatArray[]? numbers) || !table.Fields.TryGetValue("WNID", out MatArray[]? names))
            throw new DdoqException($"{meta} has no struct array 'synsets' with the fields ILSVRC2012_ID and WNID", Hint);
        var synsets = new Dictionary<int, string>();
        for (int i = 0; i < numbers.Length; i++)
        {
            if (numbers[i].Numbers is not [double number] || number != (int)number || names[i].Text is not { } name || !WordNetId.Is(name) || !synsets.TryAdd((int)number, name))
                throw new DdoqException($"{meta}: synset {i + 1} has no number and name of its own", Hint);
        }

        return synsets;
    }

    private DdoqException Unknown(string place, string what) => new(
        $"{place} has no label: {_source} {what}", "remove what is not a validation image, or fetch the labels again");
}
