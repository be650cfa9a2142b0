using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Ddoq.Pipeline.Tests.Documentation;

/// <summary>Types and members as C# writes them, and as XML documentation names them.</summary>
internal static partial class CSharpNames
{
    private static readonly Dictionary<Type, string> s_keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(sbyte)] = "sbyte",
        [typeof(short)] = "short",
        [typeof(ushort)] = "ushort",
        [typeof(int)] = "int",
        [typeof(uint)] = "uint",
        [typeof(long)] = "long",
        [typeof(ulong)] = "ulong",
        [typeof(nint)] = "nint",
        [typeof(nuint)] = "nuint",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(char)] = "char",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
    };

    /// <summary>The type without its namespace.</summary>
    public static string Of(Type type, NullabilityInfo? nullability = null)
    {
        bool isNull = nullability?.ReadState == NullabilityState.Nullable && !type.IsValueType;
        string name = Nullable.GetUnderlyingType(type) is { } inner ? Of(inner) + "?"
            : type.IsByRef ? Of(type.GetElementType()!, nullability)
            : type.IsPointer ? Of(type.GetElementType()!) + "*"
            : type.IsArray ? $"{Of(type.GetElementType()!, nullability?.ElementType)}[{new string(',', type.GetArrayRank() - 1)}]"
            : type.IsGenericParameter ? type.Name
            : s_keywords.TryGetValue(type, out string? keyword) ? keyword
            : Tuple(type) ?? Generic(type, nullability);
        return isNull ? name + "?" : name;
    }

    /// <summary>How a member is declared, without its body.</summary>
    public static string Declaration(MemberInfo member)
    {
        var nullability = new NullabilityInfoContext();
        return member switch
        {
            ConstructorInfo constructor => $"{Plain(member.DeclaringType!)}({Parameters(constructor, nullability)})",
            MethodInfo { IsSpecialName: true } method => $"{Modifiers(method)}{Of(method.ReturnType)} operator {method.Name[3..]}({Parameters(method, nullability)})",
            MethodInfo method => $"{Modifiers(method)}{Ref(method.ReturnParameter)}{Of(method.ReturnType, nullability.Create(method.ReturnParameter))} {method.Name}{Arguments(method)}({Parameters(method, nullability)})",
            PropertyInfo property => $"{(property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : "")}{Modifiers(property.GetMethod ?? property.SetMethod!)}{Of(property.PropertyType, nullability.Create(property))} {PropertyName(property, nullability)} {{ {Accessors(property)} }}",
            FieldInfo { IsLiteral: true } field => $"const {Of(field.FieldType)} {field.Name} = {Literal(field.GetRawConstantValue(), field.FieldType)}",
            FieldInfo field => $"{(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}{Of(field.FieldType, nullability.Create(field))} {field.Name}",
            EventInfo one => $"event {Of(one.EventHandlerType!, nullability.Create(one))} {one.Name}",
            _ => member.Name,
        };
    }

    /// <summary>The kind of a type and what it derives from.</summary>
    public static string Declaration(Type type)
    {
        string kind = type.IsEnum ? "enum"
            : type.IsInterface ? "interface"
            : IsDelegate(type) ? "delegate"
            : IsRecord(type) ? (type.IsValueType ? "record struct" : "record")
            : type.IsValueType ? "struct" : "class";
        string shape = type.IsAbstract && type.IsSealed ? "static " : type.IsAbstract && !type.IsInterface ? "abstract " : type.IsSealed && !type.IsValueType && !IsDelegate(type) ? "sealed " : "";
        bool isReadOnly = type.IsValueType && type.IsDefined(typeof(IsReadOnlyAttribute), inherit: false);
        string[] bases =
        [
            .. new[] { type.BaseType }.OfType<Type>().Where(one => one != typeof(object) && !type.IsValueType && !IsDelegate(type)).Select(one => Of(one)),
            .. type.GetInterfaces().Except(type.BaseType?.GetInterfaces() ?? []).Where(one => !(one.IsGenericType && one.GetGenericTypeDefinition() == typeof(IEquatable<>)) && !type.IsEnum && !IsDelegate(type))
                .Select(one => Of(one)).Order(StringComparer.Ordinal),
        ];
        return $"{shape}{(isReadOnly ? "readonly " : "")}{kind} {Of(type)}{(bases.Length > 0 ? " : " + string.Join(", ", bases) : "")}";
    }

    public static bool IsDelegate(Type type) => type.BaseType == typeof(MulticastDelegate);

    public static bool IsRecord(Type type) => type.GetMethod("PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic, [typeof(System.Text.StringBuilder)]) is not null;

    /// <summary>The name in a file of documentation.</summary>
    public static string DocumentationId(MemberInfo member) => member switch
    {
        Type type => "T:" + Full(type),
        FieldInfo => $"F:{Full(member.DeclaringType!)}.{member.Name}",
        PropertyInfo property => $"P:{Full(member.DeclaringType!)}.{member.Name}{List([.. property.GetIndexParameters().Select(one => one.ParameterType)])}",
        EventInfo => $"E:{Full(member.DeclaringType!)}.{member.Name}",
        MethodBase method => $"M:{Full(member.DeclaringType!)}.{(method.IsConstructor ? "#ctor" : method.Name)}{(method.IsGenericMethod ? "``" + method.GetGenericArguments().Length : "")}"
            + List([.. method.GetParameters().Select(one => one.ParameterType)]) + (method.Name is "op_Implicit" or "op_Explicit" ? "~" + Full(((MethodInfo)method).ReturnType) : ""),
        _ => throw new ArgumentException(member.ToString()),
    };

    private static string List(Type[] types) => types.Length == 0 ? "" : $"({string.Join(',', types.Select(Full))})";

    private static string Full(Type type)
    {
        if (type.IsByRef)
            return Full(type.GetElementType()!) + "@";
        if (type.IsPointer)
            return Full(type.GetElementType()!) + "*";
        if (type.IsArray)
            return Full(type.GetElementType()!) + "[]";
        if (type.IsGenericParameter)
            return (type.DeclaringMethod is null ? "`" : "``") + type.GenericParameterPosition;
        if (!type.IsConstructedGenericType)
            return (type.FullName ?? type.Name).Replace('+', '.');
        string name = type.GetGenericTypeDefinition().FullName!.Replace('+', '.');
        return $"{Arity().Replace(name, "")}{{{string.Join(',', type.GetGenericArguments().Select(Full))}}}";
    }

    private static string Plain(Type type) => Arity().Replace(type.Name, "");

    private static string Generic(Type type, NullabilityInfo? nullability)
    {
        string name = type.IsNested ? $"{Plain(type.DeclaringType!)}.{Plain(type)}" : Plain(type);
        return type.IsGenericType
            ? $"{name}<{string.Join(", ", type.GetGenericArguments().Select((one, i) => Of(one, nullability?.GenericTypeArguments.ElementAtOrDefault(i))))}>"
            : name;
    }

    private static string? Tuple(Type type) =>
        type.IsGenericType && type.Namespace == "System" && type.Name.StartsWith("ValueTuple`", StringComparison.Ordinal) ? $"({string.Join(", ", type.GetGenericArguments().Select(one => Of(one)))})" : null;

    private static string Modifiers(MethodInfo method) =>
        method.DeclaringType!.IsInterface ? "" : method.IsStatic ? "static " : !method.IsVirtual || method.IsFinal ? "" : method.IsAbstract ? "abstract " : method.GetBaseDefinition() != method ? "override " : "virtual ";

    private static string Ref(ParameterInfo result) => result.ParameterType.IsByRef ? "ref " : "";

    private static string Arguments(MethodInfo method) => method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(one => one.Name))}>" : "";

    private static string Accessors(PropertyInfo property)
    {
        string get = property.GetMethod?.IsPublic == true ? "get; " : "";
        bool isInit = property.SetMethod?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) == true;
        return (get + (property.SetMethod?.IsPublic != true ? "" : isInit ? "init; " : "set; ")).TrimEnd();
    }

    private static string PropertyName(PropertyInfo property, NullabilityInfoContext nullability)
    {
        ParameterInfo[] indices = property.GetIndexParameters();
        return indices.Length == 0 ? property.Name : $"this[{string.Join(", ", indices.Select(one => Parameter(one, nullability)))}]";
    }

    private static string Parameters(MethodBase method, NullabilityInfoContext nullability) =>
        (method.IsDefined(typeof(ExtensionAttribute)) ? "this " : "") + string.Join(", ", method.GetParameters().Select(one => Parameter(one, nullability)));

    private static string Parameter(ParameterInfo one, NullabilityInfoContext nullability)
    {
        string kind = one.IsOut ? "out " : one.ParameterType.IsByRef ? (one.IsIn ? "in " : "ref ") : one.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "";
        string optional = one.HasDefaultValue ? $" = {(one.ParameterType.IsValueType && one.RawDefaultValue is null ? (Nullable.GetUnderlyingType(one.ParameterType) is null ? "default" : "null") : Literal(one.RawDefaultValue, one.ParameterType))}" : "";
        return $"{kind}{Of(one.ParameterType, nullability.Create(one))} {one.Name}{optional}";
    }

    private static string Literal(object? value, Type type)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type;
        return value switch
        {
            null => "null",
            string text => $"\"{text}\"",
            bool truth => truth ? "true" : "false",
            _ when plain.IsEnum => $"{Of(plain)}.{Enum.ToObject(plain, value)}",
            IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
            _ => value.ToString()!,
        };
    }

    [GeneratedRegex(@"`\d+$")]
    private static partial Regex Arity();
}
