using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Ddoq.Pipeline.Tests.Documentation;

/// <summary>The page of a package: every public type and member with its documentation, in a fixed order.</summary>
internal sealed partial class ApiPage
{
    private const BindingFlags Own = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private readonly Assembly _assembly;
    private readonly Dictionary<string, XElement> _documentation;
    private readonly string _sources;
    private readonly Lazy<(string Path, string Text)[]> _files;

    /// <summary>Reads an assembly and the documentation beside it.</summary>
    /// <param name="assembly">The package's.</param>
    /// <param name="sources">The folder of its sources, for links.</param>
    public ApiPage(Assembly assembly, string sources)
    {
        _assembly = assembly;
        _sources = sources;
        _documentation = XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml")).Descendants("member").ToDictionary(one => one.Attribute("name")!.Value);
        _files = new(() => [.. Directory.EnumerateFiles(_sources, "*.cs", SearchOption.AllDirectories).Where(path => !OfABuild().IsMatch(path)).Order(StringComparer.Ordinal).Select(path => (path, File.ReadAllText(path)))]);
    }

    /// <summary>The page.</summary>
    /// <param name="page">Where it will stand: links are relative to it.</param>
    public string Write(string page)
    {
        var text = new StringBuilder($"# {_assembly.GetName().Name}\n");
        foreach (IGrouping<string?, Type> space in _assembly.GetExportedTypes().Order(Comparer<Type>.Create((a, b) => string.CompareOrdinal(a.FullName, b.FullName))).GroupBy(type => type.Namespace))
        {
            text.Append($"\n## {space.Key}\n");
            foreach (Type type in space)
                Append(text, type, Path.GetDirectoryName(page)!);
        }

        return text.ToString();
    }

    private void Append(StringBuilder text, Type type, string folder)
    {
        text.Append($"\n### {CSharpNames.Of(type).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal)}\n\n`{CSharpNames.Declaration(type)}` [source]({Source(type, folder)})\n\n");
        XElement? documentation = Documentation(type);
        text.Append($"{Words(documentation?.Element("summary"))}\n");
        if (documentation?.Element("remarks") is { } remarks)
            text.Append($"\n{Words(remarks)}\n");
        MemberInfo[] members = CSharpNames.IsDelegate(type) ? [type.GetMethod("Invoke")!] : Members(type);
        if (members.Length > 0)
            text.Append('\n');
        foreach (MemberInfo member in members)
        {
            XElement? own = CSharpNames.IsDelegate(type) ? documentation : Documentation(member);
            string summary = member is ConstructorInfo && own is null ? "" : Words(own?.Element("summary"));
            text.Append($"- `{(type.IsEnum ? member.Name : CSharpNames.Declaration(member))}`{(summary.Length > 0 && !CSharpNames.IsDelegate(type) ? " " + summary : "")}\n");
            if (own is null && member is ConstructorInfo && CSharpNames.IsRecord(type))
                own = documentation is null ? null : new XElement("member", documentation.Elements("param"));
            if (own is null)
                continue;
            foreach (XElement parameter in own.Elements("param").Where(one => Words(one).Length > 0))
                text.Append($"  - `{parameter.Attribute("name")!.Value}`: {Words(parameter)}\n");
            if (own.Element("returns") is { } returns)
                text.Append($"  - returns {Words(returns)}\n");
            foreach (XElement exception in own.Elements("exception"))
                text.Append($"  - `{Short(exception.Attribute("cref")!.Value)}`: {Words(exception)}\n");
            if (own.Element("remarks") is { } more && !CSharpNames.IsDelegate(type))
                text.Append($"  - {Words(more)}\n");
        }
    }

    private static MemberInfo[] Members(Type type)
    {
        if (type.IsEnum)
            return type.GetFields(BindingFlags.Public | BindingFlags.Static);
        bool isRecord = CSharpNames.IsRecord(type);
        return
        [
            .. type.GetMembers(Own)
                .Where(member => member is not Type && !(member.IsDefined(typeof(CompilerGeneratedAttribute)) && member is MethodBase))
                .Where(member => member is not MethodInfo { IsSpecialName: true } accessor || (accessor.Name.StartsWith("op_", StringComparison.Ordinal) && !isRecord))
                .Where(member => !(isRecord && (member.Name is "Equals" or "GetHashCode" or "Deconstruct" or "<Clone>$" || member is ConstructorInfo constructor && constructor.GetParameters() is [{ } only] && only.ParameterType == type)))
                .OrderBy(member => member switch { ConstructorInfo => 0, FieldInfo => 1, PropertyInfo => 2, EventInfo => 3, _ => 4 })
                .ThenBy(member => member.Name, StringComparer.Ordinal)
                .ThenBy(CSharpNames.DocumentationId, StringComparer.Ordinal),
        ];
    }

    // Its own, or what it inherits by <inheritdoc/>.
    private XElement? Documentation(MemberInfo member)
    {
        if (!_documentation.TryGetValue(CSharpNames.DocumentationId(member), out XElement? own))
            return null;
        if (own.Element("inheritdoc") is not { } inherit)
            return own;
        if (inherit.Attribute("cref") is { } named)
        {
            XElement? other = _documentation.GetValueOrDefault(named.Value);
            return other is null ? own : new XElement("member", own.Element("summary"), other.Elements().Where(one => one.Name != "summary" || own.Element("summary") is null));
        }

        return Inherited(member) ?? own;
    }

    private XElement? Inherited(MemberInfo member)
    {
        Type type = member.DeclaringType ?? (Type)member;
        foreach (Type above in new[] { type.BaseType }.OfType<Type>().Concat(type.GetInterfaces()).Where(one => one.Assembly == type.Assembly))
        {
            if (above.GetMember(member.Name).FirstOrDefault() is { } same && Documentation(same) is { } found)
                return found;
        }

        return null;
    }

    private string Source(Type type, string folder)
    {
        string name = type.Name.Split('`')[0];
        var declared = new Regex($@"\b(class|struct|record|interface|enum)\s+(struct\s+|class\s+)?{name}\b|\bdelegate\b[^;(]*\b{name}\s*\(");
        string path = _files.Value.FirstOrDefault(file => file.Text.Contains($"namespace {type.Namespace};", StringComparison.Ordinal) && declared.IsMatch(file.Text)).Path
            ?? throw new InvalidOperationException($"no file below {_sources} declares {type}");
        return Path.GetRelativePath(folder, path);
    }

    private static string Words(XElement? element) => element is null ? "" : Space().Replace(string.Concat(element.Nodes().Select(Word)), " ").Trim();

    private static string Word(XNode node) => node switch
    {
        XText text => text.Value.Replace("[", "\\[", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace("*", "\\*", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal),
        XElement { Name.LocalName: "see" or "seealso" } see => $"`{Short((see.Attribute("cref") ?? see.Attribute("langword") ?? see.Attribute("href"))!.Value)}`",
        XElement { Name.LocalName: "paramref" or "typeparamref" } name => $"`{name.Attribute("name")!.Value}`",
        XElement { Name.LocalName: "c" } code => $"`{Space().Replace(code.Value, " ").Trim()}`",
        XElement { Name.LocalName: "para" or "item" or "term" or "description" or "list" } part => $" {Words(part)} ",
        _ => "",
    };

    // "M:Ddoq.Latents.LatentStore.Open(System.String)" is Open, "P:Ddoq.Quantization.QuantizerOptions.Space" QuantizerOptions.Space.
    private static string Short(string id)
    {
        if (id.Length < 2 || id[1] != ':')
            return id;
        string[] parts = id[2..].Split('(')[0].Split('.');
        string name = id[0] == 'T' ? parts[^1] : $"{parts[^2]}.{parts[^1]}";
        return Arity().Replace(name.Replace(".#ctor", "", StringComparison.Ordinal), "");
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();

    [GeneratedRegex(@"`+\d+")]
    private static partial Regex Arity();

    [GeneratedRegex(@"[\\/](bin|obj)[\\/]")]
    private static partial Regex OfABuild();
}
