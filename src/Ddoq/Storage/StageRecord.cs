namespace Ddoq.Storage;

/// <summary>The content of <c>stage.json</c>: what made a stage's files. Equal runs give equal bytes.</summary>
/// <param name="Format">Version of this file's form.</param>
/// <param name="Stage">Name of the stage, for example <c>quantize</c>.</param>
/// <param name="Version">Version of the library that started the stage.</param>
/// <param name="Fingerprint">SHA-256 over the stage's name and its settings.</param>
/// <param name="Completed">True when the stage's files are all there.</param>
/// <param name="Settings">The effective settings, hashes of the inputs included.</param>
/// <param name="Outputs">Length in bytes of each output file by its path relative to the folder, with '/'; empty until completed.</param>
public sealed record StageRecord(
    int Format,
    string Stage,
    string Version,
    string Fingerprint,
    bool Completed,
    SortedDictionary<string, string> Settings,
    SortedDictionary<string, long> Outputs);

/// <summary>The content of <c>stage-timing.json</c>: what differs between equal runs.</summary>
/// <param name="Stage">Name of the stage.</param>
/// <param name="Seconds">Wall-clock time spent in the stage, summed over resumed runs.</param>
/// <param name="Runs">Number of runs that worked on the stage.</param>
internal sealed record StageTiming(string Stage, double Seconds, int Runs);
