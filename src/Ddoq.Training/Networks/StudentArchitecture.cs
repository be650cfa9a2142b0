namespace Ddoq.Training.Networks;

/// <summary>The student networks that protocols train from scratch.</summary>
public enum StudentArchitecture
{
    /// <summary>Three blocks of 3x3 convolution, instance norm, ReLU and average pooling, then linear. See <see cref="ConvNet3"/>.</summary>
    ConvNet3,

    /// <summary>A residual network of ten layers with average pooling in place of strides. See <see cref="ResNetAp10"/>.</summary>
    ResNetAp10,

    /// <summary>The standard residual network of 18 layers, its stem fitted to small images. See <see cref="ResNet18"/>.</summary>
    ResNet18,
}
