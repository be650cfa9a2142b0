using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Ddoq.Cli.Terminal;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
using Ddoq.Storage;

namespace Ddoq.Cli.Commands;

/// <summary>A command whose options come from the settings: those that its stages read, common options, configuration file, progress, errors.</summary>
internal sealed class PipelineCommand
{
    private readonly Option<string?> _config = new("--config", "-c") { Description = "TOML file with settings; flags override it.", HelpName = "file" };
    private readonly Option<bool> _force = new("--force") { Description = "Discard what an earlier run with other settings left in the output." };
    private readonly Option<bool> _json = new("--json") { Description = "Print the result as JSON on stdout." };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "No progress on stderr." };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "Print the stack of an error." };
    private readonly Dictionary<Setting, Option<string?>> _settingOptions = [];
    private readonly Signals _signals;
    private Option<string?>? _shard;
    private Option<string?>? _grace;
    private Option<string?>? _scratch;
    private readonly PipelineStages _stages;

    /// <summary>Makes a command.</summary>
    /// <param name="signals">Stop it.</param>
    /// <param name="name">Its name.</param>
    /// <param name="description">What it does.</param>
    /// <param name="stages">The stages it runs: their settings are its options.</param>
    /// <param name="more">Further settings.</param>
    public PipelineCommand(Signals signals, string name, string description, PipelineStages stages = PipelineStages.None, params IEnumerable<Setting> more)
    {
        _signals = signals;
        _stages = stages;
        Command = new Command(name, description);
        foreach (Setting setting in Settings.For(stages).Union(more))
        {
            var option = new Option<string?>(setting.Flag)
            {
                Description = $"{setting.Description} [{setting.HelpNote()}; in the file: {setting.Key}]",
                HelpName = setting.Key[(setting.Key.LastIndexOf('.') + 1)..],
            };
            option.CompletionSources.Add([.. setting.Names]);
            _settingOptions.Add(setting, option);
            Command.Add(option);
        }

        foreach (Option option in (Option[])[_config, _force, _json, _quiet, _verbose])
            Command.Add(option);
    }

    public Command Command { get; }

    /// <summary>Adds an option that is not a setting.</summary>
    public Option<string?> AddOption(string name, string description, string helpName, bool required = false, string? alias = null)
    {
        var option = alias is null ? new Option<string?>(name) : new Option<string?>(name, alias);
        option.Description = description;
        option.HelpName = helpName;
        option.Required = required;
        Command.Add(option);
        return option;
    }

    /// <summary>Adds a switch that is not a setting.</summary>
    public Option<bool> AddSwitch(string name, string description)
    {
        var option = new Option<bool>(name) { Description = description };
        Command.Add(option);
        return option;
    }

    /// <summary>Adds <c>--shard</c>.</summary>
    /// <param name="units">What is shared.</param>
    public void TakesShares(string units)
    {
        _shard = AddOption(
            "--shard", $"Do one of N shares of the {units}, for several processes; auto takes I (and N) from Slurm's arrays, Kubernetes' indexed jobs or HyperQueue. 'ddoq merge' joins them.", "I/N|auto|auto/N");
        _grace = AddOption("--grace", "Seconds after a SIGTERM for what is in work to end; then it is dropped. Default: 20.", "seconds");
        _scratch = AddOption("--scratch", "Folder on a fast local disk where large files are written before they are copied to the output whole.", "folder");
    }

    /// <summary>Sets the body: gets the invocation, writes its result to stdout.</summary>
    public Command Does(Action<PipelineInvocation> body)
    {
        Command.SetAction(parsed => ErrorReport.Guard(_signals, parsed.GetValue(_verbose), () =>
        {
            if (!_stages.HasFlag(PipelineStages.Doctor))
                OpenSslLibrary.Find();
            string? file = parsed.GetValue(_config);
            PipelineConfiguration configuration = file is null ? PipelineConfiguration.Empty : PipelineConfiguration.FromToml(SettingValues.InHome(file));
            foreach ((Setting setting, Option<string?> option) in _settingOptions)
            {
                if (parsed.GetResult(option) is { Implicit: false } && parsed.GetValue(option) is { } text)
                    configuration = configuration.With(setting, text);
            }

            configuration.Check(_stages);
            if (configuration.TryGet(RunSettings.OrtPath, out string? runtime))
                OnnxRuntimeLocation.Use(runtime);
            if (_grace is not null && parsed.GetValue(_grace) is { } grace)
                _signals.Grace = TimeSpan.FromSeconds(SettingValues.Real(0, 86_400).TryParse(grace, out double seconds) ? seconds : throw new UsageException($"--grace: '{grace}' is not allowed; allowed: seconds from 0 to 86400", "Give less than the scheduler's grace time, for example --grace 20."));
            if (_scratch is not null && parsed.GetValue(_scratch) is { } scratch)
                AtomicFile.StageIn(SettingValues.InHome(scratch));
            int workers = configuration.Get(RunSettings.Workers);
            IProgressSink progress = ProgressFactory.Create(parsed.GetValue(_quiet));
            try
            {
                var context = new StageContext(
                    progress, workers == 0 ? Environment.ProcessorCount : workers, parsed.GetValue(_force), _signals.Token)
                {
                    Networks = NetworkSettings.From(configuration),
                    Stopping = _signals.Stopping,
                    Share = _shard is not null && parsed.GetValue(_shard) is { } share ? Share.Parse(share) : Share.All,
                };
                if (context is { Force: true, Share.IsPartial: true })
                    throw new UsageException("--force with --shard would clear what the other shares made", "Leave --force out; to start anew, delete the output folder before the shares start.");
                body(new PipelineInvocation(parsed, configuration, context, parsed.GetValue(_json), _stages));
            }
            finally
            {
                (progress as IDisposable)?.Dispose();
            }

            return 0;
        }));
        return Command;
    }
}

/// <summary>One run of a command: what was parsed, the effective settings, and where the result goes.</summary>
internal sealed record PipelineInvocation(ParseResult Parsed, PipelineConfiguration Configuration, StageContext Context, bool Json, PipelineStages Stages)
{
    /// <summary>The value of an option that must be there.</summary>
    public string Required(Option<string?> option) => Optional(option)
        ?? throw new UsageException($"{option.Name} is required", $"Give {option.Name} <{option.HelpName}>.");

    /// <summary>An estimate of the command: what this process cost before it began to measure, the command pays too.</summary>
    public static T Estimate<T>(Func<T> measure)
        where T : StageEstimate
    {
        using var process = Process.GetCurrentProcess();
        double seconds = (DateTime.Now - process.StartTime).TotalSeconds, processor = Environment.CpuUsage.TotalTime.TotalSeconds;
        T estimate = measure();
        return estimate with { StartSeconds = estimate.StartSeconds + seconds, ProcessorStartSeconds = estimate.ProcessorStartSeconds + processor };
    }

    /// <summary>Saves the effective settings of the command's stages beside their result, as a file that <c>--config</c> reads back.</summary>
    public void SaveSettings(string folder)
    {
        // Not every such folder is a stage's, which would be cleaned when it is opened.
        AtomicFile.CleanPartials(folder);
        AtomicFile.WriteAllText(Path.Combine(folder, "config.toml"), Configuration.ToToml(Stages));
    }

    /// <summary>The value of an option, or null; a leading <c>~/</c> is the home folder.</summary>
    public string? Optional(Option<string?> option) => Parsed.GetValue(option) is { } value ? SettingValues.InHome(value) : null;
}

/// <summary>OpenSSL, with which .NET computes hashes on Linux: without it the runtime ends the process at the first one.</summary>
internal static class OpenSslLibrary
{
    // What the runtime tries, in its order.
    private static readonly string[] s_names = ["libssl.so.3", "libssl.so.1.1", "libssl.so.1.0.2", "libssl.so.1.0.0", "libssl.so.10"];

    /// <summary>The library that is there.</summary>
    /// <exception cref="DdoqException">There is none.</exception>
    public static string Find()
    {
        if (!OperatingSystem.IsLinux())
            return "not needed";
        foreach (string name in s_names)
        {
            if (NativeLibrary.TryLoad(name, out _))
                return name;
        }

        throw new DdoqException(
            $"OpenSSL was not found (tried {string.Join(", ", s_names)}); files are identified by hashes, which need it",
            "Install it: 'apt-get install libssl3', or 'dnf install openssl-libs'.");
    }
}
