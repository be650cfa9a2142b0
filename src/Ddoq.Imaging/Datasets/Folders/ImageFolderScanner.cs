using System.IO.Enumeration;

namespace Ddoq.Imaging;

/// <summary>Lists the class folders and image files of an ImageFolder in torchvision's order.</summary>
/// <remarks>
/// Classes by ordinal comparison of their names; in a class the files by folder, then by name. Names that start with a dot
/// are left out (torchvision would count <c>.ipynb_checkpoints</c> as a class), so are files without an image extension.
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
        Directory.Exists(folder) && List(folder).Any(entry => !entry.IsDirectory && ImageSignature.HasImageExtension(entry.Name));

    /// <summary>The names of the image files in a folder, ordinal; folders in it are not looked into.</summary>
    public static string[] Images(string folder)
    {
        string[] names = [.. List(folder).Where(entry => !entry.IsDirectory && ImageSignature.HasImageExtension(entry.Name)).Select(entry => entry.Name)];
        Array.Sort(names, StringComparer.Ordinal);
        return names;
    }

    /// <summary>The names of the folders in a folder, in class order.</summary>
    public static string[] Folders(string folder)
    {
        string[] names = [.. List(folder).Where(entry => entry.IsDirectory).Select(entry => entry.Name)];
        Array.Sort(names, StringComparer.Ordinal);
        return names;
    }

    /// <summary>Lists every image of the class folders in <c>location/part</c>.</summary>
    /// <param name="location">The data folder.</param>
    /// <param name="part">The split's folder below it, or the empty string.</param>
    /// <param name="subset">The classes to list; null lists all.</param>
    /// <exception cref="DdoqException">There is no class folder, one of them holds no image, or a class of the subset is missing.</exception>
    public static ImageFolderIndex Scan(string location, string part, ClassSubset? subset = null)
    {
        string root = Path.Combine(location, part);
        string[] classes = Folders(root);
        if (classes.Length == 0)
            throw new DdoqException($"{root} has no class folders", "put the images of each class into a folder named for the class");

        classes = subset?.Of(classes, root) ?? classes;
        var names = new FileNameTable();
        var folderOf = new List<int>();
        for (int first = 0; first < classes.Length; first += ClassesAtATime)
        {
            int count = Math.Min(ClassesAtATime, classes.Length - first);
            var files = new string[count][];
            Parallel.For(0, count, i => files[i] = DataFile.Guard(
                Path.Combine(root, classes[first + i]), 0, static (_, path) => ImagesOf(path)));
            for (int i = 0; i < count; i++)
            {
                if (files[i].Length == 0)
                {
                    throw new DdoqException(
                        $"class folder {Path.Combine(root, classes[first + i])} holds no images ({ImageSignature.ExtensionList})",
                        "add images to it, or remove the folder");
                }

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
        };
    }

    private static string[] ImagesOf(string classFolder)
    {
        var folders = new List<(string Path, string[] Files)>();
        Collect(classFolder, "", 0, folders);
        folders.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return [.. folders.SelectMany(folder => folder.Files.Select(file => folder.Path.Length == 0 ? file : $"{folder.Path}/{file}"))];
    }

    private static void Collect(string classFolder, string relative, int depth, List<(string Path, string[] Files)> folders)
    {
        if (depth > MaximumDepth)
        {
            throw new DdoqException(
                $"{Path.Combine(classFolder, relative)} is nested more than {MaximumDepth} folders deep",
                "look for a link to a parent folder");
        }

        var entries = List(Path.Combine(classFolder, relative)).ToList();
        string[] files = [.. entries.Where(e => !e.IsDirectory && ImageSignature.HasImageExtension(e.Name)).Select(e => e.Name)];
        Array.Sort(files, StringComparer.Ordinal);
        folders.Add((relative, files));
        foreach ((string name, bool isDirectory) in entries)
        {
            if (isDirectory)
                Collect(classFolder, relative.Length == 0 ? name : $"{relative}/{name}", depth + 1, folders);
        }
    }

    private static FileSystemEnumerable<(string Name, bool IsDirectory)> List(string folder) =>
        new(folder, static (ref FileSystemEntry entry) => (entry.FileName.ToString(), entry.IsDirectory), s_everything)
        {
            ShouldIncludePredicate = static (ref FileSystemEntry entry) => !entry.FileName.StartsWith('.'),
        };
}
