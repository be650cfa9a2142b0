using Ddoq.Cuda;

namespace Ddoq.Bench.Device;

/// <summary>Runs cases, prints a line for each as soon as it is done, and counts.</summary>
internal sealed class CaseResults
{
    public int Passed { get; private set; }

    public int Failed { get; private set; }

    /// <summary>Cases that were not run because a fault had ended the device's context.</summary>
    public int NotRun { get; private set; }

    private bool ContextIsLost { get; set; }

    /// <summary>Runs one case. A launch that the driver refuses costs this case alone.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="check">Says what it found.</param>
    public void Run(string name, Func<Verdict> check)
    {
        if (ContextIsLost)
        {
            NotRun++;
            return;
        }

        Verdict verdict;
        try
        {
            verdict = check();
        }
        catch (DdoqException exception)
        {
            verdict = Verdict.Wrong(exception.Message);
            ContextIsLost = exception is CudaException { EndsContext: true };
        }

        if (verdict.Holds)
            Passed++;
        else
            Failed++;
        Console.WriteLine($"{(verdict.Holds ? "passed " : "FAILED ")} {name}{(verdict.Words.Length > 0 ? ": " : string.Empty)}{verdict.Words}");
    }

    /// <summary>The last line, and the exit code.</summary>
    public int Close(CudaDevice device)
    {
        string lost = ContextIsLost ? $", {NotRun} not run: a fault ended the device's context" : string.Empty;
        Console.WriteLine($"{Passed} passed, {Failed} failed{lost} on {device.Name}{(device.IsEmulated ? ", emulated: logic only" : string.Empty)}");
        return Failed == 0 && Passed > 0 ? 0 : 1;
    }

    /// <summary>What a case found.</summary>
    /// <param name="Holds">Whether what it checks holds.</param>
    /// <param name="Words">What is wrong, or what is worth knowing.</param>
    public readonly record struct Verdict(bool Holds, string Words)
    {
        public static readonly Verdict Right = new(true, string.Empty);

        public static Verdict Wrong(string words) => new(false, words);

        public static Verdict RightWith(string words) => new(true, words);

        /// <summary>Right without words, else wrong.</summary>
        public static Verdict Of(string? wrong) => wrong is null ? Right : Wrong(wrong);
    }
}
