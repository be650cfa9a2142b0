#!/usr/bin/env pwsh
# Thin front of dotnet and CMake: every step can be run by hand as it stands here.
param(
    [ValidateSet('restore', 'build', 'kernels', 'test', 'bench', 'publish', 'all')]
    [string] $Target = 'all',
    [string] $Configuration = 'Release'
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
        'publish' {
            Invoke-Step dotnet @('publish', 'src/Ddoq.Cli', '-c', $Configuration, '-o', 'artifacts/ddoq')
            Invoke-Step dotnet @('publish', 'native/Ddoq.CApi', '-c', $Configuration, '-r', 'linux-x64', '-o', 'artifacts/libddoq')
        }
    }
}
