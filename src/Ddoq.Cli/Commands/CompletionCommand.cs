using System.CommandLine;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq completion</c>: scripts that let shells complete commands, options and the names of values; they ask the program itself.</summary>
internal static class CompletionCommand
{
    private static readonly Dictionary<string, string> s_scripts = new()
    {
        ["bash"] = """
            # bash: source <(ddoq completion bash), for example in ~/.bashrc
            _ddoq() {
                local IFS=$'\n'
                COMPREPLY=($("${COMP_WORDS[0]/#\~/$HOME}" completion bash --line "${COMP_LINE:0:COMP_POINT}" 2>/dev/null))
            }
            complete -o default -F _ddoq ddoq
            """,
        ["zsh"] = """
            # zsh: source <(ddoq completion zsh), behind compinit in ~/.zshrc
            _ddoq() {
                local -a found
                found=(${(f)"$(${~words[1]} completion zsh --line "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)"})
                compset -P '*='
                if (( $#found )); then compadd -- $found; else _files; fi
            }
            compdef _ddoq ddoq
            """,
        ["fish"] = """
            # fish: ddoq completion fish | source, for example in ~/.config/fish/config.fish
            complete -c ddoq -a '(ddoq completion fish --line (commandline -cp | string collect) 2>/dev/null)'
            """,
    };

    public static Command Create()
    {
        var command = new Command("completion", "Print a script that completes commands, options and names of values in a shell: source <(ddoq completion bash).");
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong([.. s_scripts.Keys]);
        var line = new Option<string?>("--line") { Description = "What stands before the cursor; the scripts ask with it.", Hidden = true };
        command.Add(shell);
        command.Add(line);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(line) is { } text)
            {
                foreach (string one in Complete(parsed.RootCommandResult.Command, text, wholeWords: parsed.GetValue(shell) == "fish"))
                    Console.Out.WriteLine(one);
                return;
            }

            Console.Out.WriteLine(s_scripts[parsed.GetValue(shell)!]);
        });
        return command;
    }

    // What can stand in the place of the last word of a line; of an empty one options only where there is nothing else.
    // "--algorithm=ll" is completed as "--algorithm ll" is; fish wants the option in front again, where other shells begin a word.
    private static IEnumerable<string> Complete(Command root, string line, bool wholeWords)
    {
        int start = line.LastIndexOf(' ') + 1, equals = line.IndexOf('=', start);
        string before = string.Empty;
        if (equals >= 0 && line[start] == '-')
        {
            before = wholeWords ? line[start..(equals + 1)] : string.Empty;
            line = $"{line[..equals]} {line[(equals + 1)..]}";
        }

        string word = line[(line.LastIndexOf(' ') + 1)..];
        ParseResult parsed = root.Parse(line[(line.IndexOf(' ') + 1)..]);
        if (parsed.UnmatchedTokens.Any(token => token != word))
            return [];
        string[] found =
        [
            .. parsed.GetCompletions()
                .Select(item => item.InsertText ?? item.Label)
                .Where(text => text.StartsWith(word, StringComparison.Ordinal) && text is not ("-?" or "/?" or "/h" or "-h"))
                .Distinct()
                .Select(text => before + text),
        ];
        return word.Length == 0 && Array.Exists(found, IsNoOption) ? found.Where(IsNoOption) : found;

        static bool IsNoOption(string text) => text[0] != '-';
    }
}
