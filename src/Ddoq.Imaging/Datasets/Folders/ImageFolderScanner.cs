using System.IO.Enumeration;
using Ddoq.Distilled;

namespace Ddoq.Imaging;

/// <summary>Lists the class folders and image files of an ImageFolder in torchvision's order.</summary>
/// <remarks>
/// Classes by the code points of their names; in a class the files by folder, then by name. Left out and counted are names that start with
/// a dot (torchvision would count <c>.ipynb_checkpoints</c> as a class), folders of the system, and files without the extension of an
/// image that is read.
/// </remarks>
internal static class ImageFolderScanner
{
    // Enough for any layout in use; a link to a parent folder would otherwise never end.
    private const int MaximumDepth = 16;

    // Classes listed at a time: bounds the file names held as strings before they go to the compact table.
    private const int ClassesAtATime = 64;

    private static readonly EnumerationOptions s_everything = new() { AttributesToSkip = 0, IgnoreInaccessible = false };

    /// <summary>True when a folder holds image files itself.</summary>
    public static bool HoldsImages(string folder) =>
        Directory.Exists(folder) && List(folder).Any(entry => !entry.IsDirectory && FileKinds.OfFile(entry.Name) is null);

    /// <summary>The names of the image files in a folder, in order; folders in it are not looked into.</summary>
    public static string[] Images(string folder, RemarkCounter? remarks = null)
    {
        string[] names = [.. List(folder).Where(entry => !entry.IsDirectory && IsImage(folder, entry.Name, Path.GetFileName(folder), remarks)).Select(entry => entry.Name)];
        Array.Sort(names, CodePointOrder.Instance);
        return names;
    }

    /// <summary>The names of the folders in a folder, in class order; without those that are hidden or the system's.</summary>
    public static string[] Folders(string folder)
    {
        string[] names = [.. List(folder).Where(entry => entry.IsDirectory && FileKinds.OfFolder(entry.Name) is null).Select(entry => entry.Name)];
        Array.Sort(names, CodePointOrder.Instance);
        return names;
    }

    /// <summary>Lists every image of the class folders in <c>location/part</c>.</summary>
    /// <param name="location">The data folder.</param>
    /// <param name="part">The split's folder below it, or the empty string.</param>
    /// <param name="subset">The classes to list; null lists all.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="DdoqException">There is no class folder, one of them holds no image, or a class of the subset is missing.</exception>
    public static ImageFolderIndex Scan(string location, string part, ClassSubset? subset = null, CancellationToken cancellation = default)
    {
        string root = Path.Combine(location, part);
        string[] classes = Folders(root);
        if (classes.Length == 0)
            throw new DdoqException($"{root} has no class folders", "put the images of each class into a folder named for the class");

        classes = subset?.Of(classes, root) ?? classes;
        var remarks = new RemarkCounter();
        LookBeside(root, part, remarks);
        var names = new FileNameTable();
        var folderOf = new List<int>();
        for (int first = 0; first < classes.Length; first += ClassesAtATime)
        {
            int count = Math.Min(ClassesAtATime, classes.Length - first);
            var files = new string[count][];
            WorkerLoop.Run(count, Environment.ProcessorCount, i => files[i] = DataFile.Guard(
                Path.Combine(root, classes[first + i]), (part, remarks, cancellation), static (scan, path) => ImagesOf(path, scan.part, scan.remarks, scan.cancellation)), cancellation);
            for (int i = 0; i < count; i++)
            {
                foreach (string file in files[i])
                {
                    names.Add(file);
                    folderOf.Add(first + i);
                }
            }
        }

        return new ImageFolderIndex
        {
            Location = location,
            Part = part,
            Folders = classes,
            LabelOfFolder = [.. Enumerable.Range(0, classes.Length)],
            ClassNames = classes,
            FolderOf = [.. folderOf],
            Names = names,
            PassedOver = remarks,
        };
    }

    /// <summary>The first folder in a class folder without images of its own that is named for a part of a dataset, such as <c>Train</c>.</summary>
    /// <returns>The folder's path below <paramref name="root"/>; null when there is none.</returns>
    public static string? PartAmongClasses(string root)
    {
        foreach (string name in Folders(root))
        {
            string folder = Path.Combine(root, name);
            string[] inner = HoldsImages(folder) ? [] : Folders(folder);
            if (inner.Length > 0 && SplitNames.IsLikeOne(name))
                return name;
            if (inner.FirstOrDefault(part => SplitNames.IsLikeOne(part) && Folders(Path.Combine(folder, part)).Length > 0) is { } deeper)
                return $"{name}/{deeper}";
        }

        return null;
    }

    /// <summary>Counts what lies beside the class folders and might have been meant for one.</summary>
    private static void LookBeside(string root, string part, RemarkCounter remarks)
    {
        foreach ((string name, bool isDirectory) in List(root))
        {
            string? kind = isDirectory ? FileKinds.OfFolder(name)
                : FileKinds.OfFile(name) is null || FileKinds.IsOtherImage(name) ? FileKinds.OutsideClasses
                : null;
            if (kind is not null)
                remarks.Add(kind, Below(part, name));
        }
    }

    private static string[] ImagesOf(string classFolder, string part, RemarkCounter remarks, CancellationToken cancellation)
    {
        var folders = new List<(string Path, string[] Files)>();
        var found = new RemarkCounter();
        Collect(classFolder, "", 0);
        folders.Sort((a, b) => CodePointOrder.Instance.Compare(a.Path, b.Path));
        string[] images = [.. folders.SelectMany(folder => folder.Files.Select(file => Below(folder.Path, file)))];
        return images.Length > 0 ? images : throw new DdoqException(
            $"class folder {classFolder} holds no images ({ImageSignature.ExtensionList})" + string.Concat(found.ToList().Select(remark => $"; {remark}")),
            "add images to it, convert those of other formats to PNG, or remove the folder");

        void Collect(string folder, string relative, int depth)
        {
            cancellation.ThrowIfCancellationRequested();
            if (depth > MaximumDepth)
                throw new DdoqException($"{folder} is nested more than {MaximumDepth} folders deep", "look for a link to a parent folder");

            string below = Below(Below(part, Path.GetFileName(classFolder)), relative);
            var files = new List<string>();
            foreach ((string name, bool isDirectory) in List(folder).ToList())
            {
                if (!isDirectory && IsImage(folder, name, below, remarks, found))
                    files.Add(name);
                else if (isDirectory && FileKinds.OfFolder(name) is { } kind)
                    remarks.Add(kind, Below(below, name));
                else if (isDirectory)
                    Collect(Path.Combine(folder, name), Below(relative, name), depth + 1);
            }

            files.Sort(CodePointOrder.Instance);
            folders.Add((relative, [.. files]));
        }
    }

    /// <summary>True for an image that is read; counts what is none.</summary>
    private static bool IsImage(string folder, string name, string below, params ReadOnlySpan<RemarkCounter?> remarks)
    {
        string? kind = FileKinds.OfFile(name) ?? (IsLost(Path.Combine(folder, name)) ? FileKinds.NotUtf8 : null);
        if (kind is null)
            return true;
        foreach (RemarkCounter? counter in remarks)
            counter?.Add(kind, Below(below, name));
        return false;
    }

    // What is no UTF-8 is listed with this character in its place, under which the file system does not know it.
    private static bool IsLost(string path) => path.Contains('\uFFFD', StringComparison.Ordinal) && !Path.Exists(path);

    private static string Below(string folder, string name) => folder.Length == 0 ? name : name.Length == 0 ? folder : $"{folder}/{name}";

    private static IEnumerable<(string Name, bool IsDirectory)> List(string folder)
    {
        foreach ((string name, bool isDirectory) in new FileSystemEnumerable<(string Name, bool IsDirectory)>(
            folder, static (ref FileSystemEntry entry) => (entry.FileName.ToString(), entry.IsDirectory), s_everything))
        {
            if (isDirectory && IsLost(Path.Combine(folder, name)))
            {
                throw new DdoqException(
                    $"{folder} holds a folder whose name is not UTF-8, shown as {name}",
                    $"rename it, for a whole tree by: convmv -r -f latin1 -t utf8 --notest {folder}");
            }

            yield return (name, isDirectory);
        }
    }
}
