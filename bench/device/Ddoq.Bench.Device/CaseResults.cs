namespace Ddoq.Bench.Device;

/// <summary>Runs cases, prints a line for each, and counts.</summary>
internal sealed class CaseResults
{
    public int Passed { get; private set; }

    public int Failed { get; private set; }

    /// <summary>Runs one case.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="check">Gives what was wrong, or null.</param>
    public void Run(string name, Func<string?> check)
    {
        string? wrong;
        try
        {
            wrong = check();
        }
        catch (DdoqException exception)
        {
            wrong = exception.Message;
        }

        if (wrong is null)
            Passed++;
        else
            Failed++;
        Console.WriteLine(wrong is null ? $"passed  {name}" : $"FAILED  {name}: {wrong}");
    }
}
