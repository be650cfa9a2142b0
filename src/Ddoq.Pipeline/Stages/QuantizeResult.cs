namespace Ddoq.Pipeline.Stages;

/// <summary>How far <see cref="QuantizeStage"/> got.</summary>
/// <param name="IsComplete">True when all classes are there and joined to the result.</param>
/// <param name="Share">The share that was asked for.</param>
/// <param name="ShareClasses">Classes of that share, all complete now.</param>
/// <param name="Classes">Classes of the store.</param>
public sealed record QuantizeResult(bool IsComplete, Share Share, int ShareClasses, int Classes);
