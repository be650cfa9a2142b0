using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Ddoq.Cli.Terminal;

/// <summary>Units per second of a progress bar, over its last moments.</summary>
/// <param name="unit">Plural name of a unit.</param>
internal sealed class RateColumn(string unit) : ProgressColumn
{
    protected override bool NoWrap => true;

    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) => new Text(
        task.Speed is double speed ? string.Create(CultureInfo.InvariantCulture, $"{speed:N1} {unit}/s") : string.Empty);
}
