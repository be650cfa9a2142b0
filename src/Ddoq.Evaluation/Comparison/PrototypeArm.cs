namespace Ddoq.Evaluation.Comparison;

/// <summary>One way to choose prototypes, as a column of a comparison: the quantiser under test or a control.</summary>
/// <param name="Name">The column's name, for example <c>DDOQ</c>, <c>D4M</c>, <c>random real</c>.</param>
/// <param name="Prototypes">Gives the prototypes of a class by its 0-based index; called once per class, in order.</param>
public sealed record PrototypeArm(string Name, Func<int, ArmPrototypes> Prototypes);
