#!/usr/bin/env pwsh
# Thin front of dotnet and CMake: every step can be run by hand as it stands here.
param(
    [ValidateSet('restore', 'build', 'kernels', 'test', 'bench', 'pack', 'publish', 'all')]
    [string] $Target = 'all',
    [string] $Configuration = 'Release',
    # Of `publish`: a folder and an archive for each.
    [string[]] $Runtime = @('linux-x64')
)
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot

function Invoke-Step([string] $Command, [string[]] $Arguments) {
    Write-Host "> $Command $Arguments"
    & $Command @Arguments
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}

$steps = if ($Target -eq 'all') { 'restore', 'kernels', 'build', 'test' } else { , $Target }
foreach ($step in $steps) {
    switch ($step) {
        'restore' { Invoke-Step dotnet @('restore', 'DDOQ.sln') }
        'build' { Invoke-Step dotnet @('build', 'DDOQ.sln', '-c', $Configuration) }
        'kernels' {
            Invoke-Step cmake @('-S', '.', '-B', 'build/native', "-DCMAKE_BUILD_TYPE=$Configuration")
            Invoke-Step cmake @('--build', 'build/native', '--parallel', '2')
        }
        'test' {
            Invoke-Step dotnet @('test', 'DDOQ.sln', '-c', $Configuration)
            if (Test-Path build/native) { Invoke-Step ctest @('--test-dir', 'build/native', '--output-on-failure') }
        }
        'bench' {
            Invoke-Step dotnet @('run', '-c', $Configuration, '--project', 'bench/Ddoq.Bench', '--', 'kernels', 'table')
            Invoke-Step dotnet @('build', 'bench/peers/quantize', '-c', $Configuration)
            Invoke-Step /usr/bin/python3 @('bench/peers/quantize/compare.py', '--output', 'artifacts/bench')
        }
        'pack' { Invoke-Step dotnet @('pack', 'DDOQ.sln', '-c', $Configuration, '-o', 'artifacts/packages') }
        'publish' {
            $version = ([xml](Get-Content Directory.Build.props)).SelectSingleNode('//Version').InnerText
            foreach ($identifier in $Runtime) {
                # With the runtime in it: the machine needs no .NET, only the C and C++ libraries and OpenSSL.
                $name = "ddoq-$version-$identifier"
                Invoke-Step dotnet @('publish', 'src/Ddoq.Cli', '-c', $Configuration, '-r', $identifier, '--self-contained', '-o', "artifacts/publish/$name", '-v', 'quiet')
                Invoke-Step tar @('-czf', "artifacts/publish/$name.tar.gz", '-C', 'artifacts/publish', $name)
                # Machine code is linked by the system's own linker, so the C interface is published on the kind of machine that it is for.
                if ($identifier -ne [Runtime.InteropServices.RuntimeInformation]::RuntimeIdentifier) {
                    Write-Host "libddoq for $identifier must be published on such a machine: left out"
                    continue
                }
                Invoke-Step dotnet @('publish', 'native/Ddoq.CApi', '-c', $Configuration, '-r', $identifier, '-o', "artifacts/publish/libddoq-$version-$identifier", '-v', 'quiet')
                Invoke-Step tar @('-czf', "artifacts/publish/libddoq-$version-$identifier.tar.gz", '-C', 'artifacts/publish', "libddoq-$version-$identifier")
            }
        }
    }
}
