namespace Ddoq.CApi;

/// <summary>The version of the project, from Directory.Build.props.</summary>
internal static class LibraryVersion
{
    /// <summary>DDOQ_ABI_VERSION of native/include/ddoq.h.</summary>
    public const int Interface = 2;

    /// <summary>major.minor.patch.</summary>
    public static string Text { get; } = typeof(LibraryVersion).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    /// <summary>The same for callers; never freed.</summary>
    public static NativeText Native { get; } = new(Text);
}
