using System.Text.RegularExpressions;

namespace Ddoq.Cli.Tests.Documentation;

/// <summary>The program's commands and their options, as its own help lists them.</summary>
internal sealed partial class CommandTree
{
    private readonly SortedDictionary<string, CommandTree> _commands = new(StringComparer.Ordinal);
    private readonly HashSet<string> _options = new(StringComparer.Ordinal);

    private CommandTree(string name, string[] path)
    {
        Name = name;
        string section = string.Empty;
        foreach (string line in Program.Run([.. path, "--help"]).Succeeded().Output.Split('\n').Select(line => line.TrimEnd()))
        {
            if (line.EndsWith(':') && !line.StartsWith(' '))
                section = line;
            else if (section == "Options:" && OptionLine().Match(line) is { Success: true } options)
                _options.UnionWith(OptionName().Matches(options.Groups[1].Value).Select(match => match.Value));
            else if (section == "Commands:" && CommandLine().Match(line) is { Success: true } command)
                _commands.Add(command.Groups[1].Value, new CommandTree($"{name} {command.Groups[1].Value}", [.. path, command.Groups[1].Value]));
        }
    }

    public static CommandTree Root { get; } = new("ddoq", []);

    public string Name { get; }

    /// <summary>The options of the command and of all below it.</summary>
    public IEnumerable<string> AllOptions => _options.Concat(_commands.Values.SelectMany(command => command.AllOptions));

    /// <summary>What is wrong with the words behind the program's name; null when every command and option exists.</summary>
    public string? Complaint(IReadOnlyList<string> words)
    {
        CommandTree command = this;
        int at = 0;
        while (at < words.Count && command._commands.Count > 0 && !IsOpen(words[at]))
        {
            if (!command._commands.TryGetValue(words[at], out CommandTree? next))
                return $"{command.Name} has no command '{words[at]}'";
            command = next;
            at++;
        }

        IEnumerable<string> allowed = command._commands.Count > 0 ? command.AllOptions : command._options;
        string? unknown = words.Skip(at).Select(word => word.Trim('[', ']').Split('=')[0])
            .FirstOrDefault(word => OptionName().Match(word).Value == word && word.Length > 0 && !allowed.Contains(word));
        return unknown is null ? null : $"{command.Name} has no option {unknown}";
    }

    // An option, or a place to fill in, such as <command>.
    private static bool IsOpen(string word) => word[0] is '-' or '<' or '[' or '.';

    [GeneratedRegex(@"^  (-.*?)(  |$)")]
    private static partial Regex OptionLine();

    [GeneratedRegex(@"^  ([a-z]+)( |$)")]
    private static partial Regex CommandLine();

    [GeneratedRegex(@"(?<![\w-])--?[a-zA-Z?][\w-]*")]
    private static partial Regex OptionName();
}
