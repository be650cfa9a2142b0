namespace Ddoq.Cuda.Quantization;

/// <summary>How much goes into one batch.</summary>
/// <param name="DeviceBytes">Device memory at most.</param>
/// <param name="ResultBytes">Page-locked memory of the results at most.</param>
/// <param name="Classes">Classes at most.</param>
/// <param name="WaveClasses">Classes that the device works on at a time: a batch of as many is full unless it is tiny.</param>
internal readonly record struct BatchLimits(long DeviceBytes, long ResultBytes, int Classes, int WaveClasses)
{
    /// <summary>Tile numbers are 32-bit, and a batch beyond this gains nothing.</summary>
    public const int MostClasses = 16384;

    // Page-locked memory is taken from the rest of the machine; four such parts keep within a limit that was asked for.
    private const long MostResultBytes = 1L << 30;
    private const int PartsOfTheLimit = 4;

    // Below it a batch costs more to start than to work off.
    private const long TinyBytes = 64L << 20;

    /// <summary>Bytes of a batch's results under a limit on the process's memory; 0 is none.</summary>
    public static long ResultsWithin(long memoryLimit) =>
        memoryLimit > 0 ? Math.Min(MostResultBytes, memoryLimit / PartsOfTheLimit) : MostResultBytes;

    /// <summary>Whether a batch takes one class more.</summary>
    public bool Admit(int classes, long deviceBytes, long resultBytes, in BatchClass next) =>
        classes == 0
        || (classes < Classes
            && deviceBytes + next.DeviceBytes <= DeviceBytes
            && resultBytes + next.ResultBytes <= ResultBytes
            && (classes < WaveClasses || deviceBytes < TinyBytes));
}
