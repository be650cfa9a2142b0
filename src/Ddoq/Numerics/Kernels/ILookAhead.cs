namespace Ddoq.Numerics.Kernels;

/// <summary>Whether a tile asks the memory for what comes next; a type, so that each loop is compiled with or without it.</summary>
internal interface ILookAhead
{
    /// <summary>Constant.</summary>
    static abstract bool IsOn { get; }

    /// <summary>It does.</summary>
    internal readonly struct On : ILookAhead
    {
        public static bool IsOn => true;
    }

    /// <summary>It does not: its data are at hand.</summary>
    internal readonly struct Off : ILookAhead
    {
        public static bool IsOn => false;
    }
}
