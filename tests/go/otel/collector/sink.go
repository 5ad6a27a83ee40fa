package main

import (
	"context"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

type sinkConfig struct {
	// Path of the file: a line of JSON for each request.
	Path string `mapstructure:"path"`
}

func newSinkFactory() exporter.Factory {
	level := component.StabilityLevelStable
	return exporter.NewFactory(
		component.MustNewType("sink"),
		func() component.Config { return &sinkConfig{} },
		exporter.WithLogs(func(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Logs, error) {
			return exporterhelper.NewLogs(ctx, set, config, func(_ context.Context, all plog.Logs) error {
				return keep(config, all, (&plog.JSONMarshaler{}).MarshalLogs)
			})
		}, level),
		exporter.WithMetrics(func(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Metrics, error) {
			return exporterhelper.NewMetrics(ctx, set, config, func(_ context.Context, all pmetric.Metrics) error {
				return keep(config, all, (&pmetric.JSONMarshaler{}).MarshalMetrics)
			})
		}, level),
		exporter.WithTraces(func(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Traces, error) {
			return exporterhelper.NewTraces(ctx, set, config, func(_ context.Context, all ptrace.Traces) error {
				return keep(config, all, (&ptrace.JSONMarshaler{}).MarshalTraces)
			})
		}, level),
	)
}

var writing sync.Mutex

func keep[T any](config component.Config, all T, marshal func(T) ([]byte, error)) error {
	line, err := marshal(all)
	if err != nil {
		return err
	}
	writing.Lock()
	defer writing.Unlock()
	file, err := os.OpenFile(config.(*sinkConfig).Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	if closing := file.Close(); err == nil {
		err = closing
	}
	return err
}
