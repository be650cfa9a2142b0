namespace Ddoq.Training.Networks;

/// <summary>How a network's convolutions start.</summary>
internal enum ConvolutionInitialization
{
    /// <summary>Uniform in +-1/sqrt(fan in), weights and biases: PyTorch's default.</summary>
    UniformFanIn,

    /// <summary>Normal with variance 2 / (k * k * output channels): the residual networks' originals.</summary>
    NormalFanOut,
}
