namespace Ddoq.Quantization.Algorithms;

/// <summary>What a random number of a quantiser is drawn for; part of the name of its stream.</summary>
public enum RandomPurpose
{
    /// <summary>Not used.</summary>
    None = 0,

    /// <summary>First centres.</summary>
    Initialization = 1,

    /// <summary>Rows of batches and of CLVQ steps.</summary>
    Sampling = 2,

    /// <summary>Rows that replace centres with few rows.</summary>
    Reassignment = 3,

    /// <summary>Rows kept out of the fit.</summary>
    HoldOut = 4,

    /// <summary>Rows that stand for all of a large class in the energy distance.</summary>
    EnergySample = 5,

    /// <summary>Candidates of a selection that are drawn at random.</summary>
    Selection = 6,

    /// <summary>Rows and candidates that stand for all of a large class in a selection.</summary>
    SelectionSample = 7,
}
