// SPDX-License-Identifier: MIT

// go_loggers logs with each Go logger and format, as python_loggers.py does.
package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog"
)

var texts = []string{"started: ERROR pages are served", "slow", "payment failed"}

func emit(name string, out *bytes.Buffer) {
	for _, line := range strings.Split(strings.ReplaceAll(out.String(), "\x1b", "\\e"), "\n") {
		if strings.TrimSpace(line) != "" {
			fmt.Printf("%s\t%s\n", name, line)
		}
	}
}

func logruses() {
	for name, format := range map[string]logrus.Formatter{
		"logrus":              &logrus.TextFormatter{DisableColors: true, FullTimestamp: true},
		"logrus terminal":     &logrus.TextFormatter{ForceColors: true},
		"logrus terminal time": &logrus.TextFormatter{ForceColors: true, FullTimestamp: true},
		"logrus JSON":         &logrus.JSONFormatter{},
	} {
		out := new(bytes.Buffer)
		log := logrus.New()
		log.Out, log.Formatter = out, format
		entry := log.WithField("order", 7)
		entry.Info(texts[0])
		entry.Warn(texts[1])
		entry.Error(texts[2])
		emit(name, out)
	}
}

func zaps() {
	lower := zap.NewDevelopmentEncoderConfig()
	lower.EncodeLevel = zapcore.LowercaseLevelEncoder
	colours := zap.NewDevelopmentEncoderConfig()
	colours.EncodeLevel = zapcore.CapitalColorLevelEncoder
	for name, encoder := range map[string]zapcore.Encoder{
		"zap":                  zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
		"zap development":      zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
		"zap console lower":    zapcore.NewConsoleEncoder(lower),
		"zap console colours":  zapcore.NewConsoleEncoder(colours),
		"zap console epoch":    zapcore.NewConsoleEncoder(zap.NewProductionEncoderConfig()),
	} {
		out := new(bytes.Buffer)
		log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(out), zapcore.DebugLevel), zap.AddCaller())
		log.Info(texts[0])
		log.Warn(texts[1])
		log.Error(texts[2], zap.Int("order", 7))
		log.DPanic("pool is gone")
		emit(name, out)
	}
}

func zerologs() {
	for _, name := range []string{"zerolog", "zerolog console", "zerolog console colours", "zerolog RFC 3339"} {
		out := new(bytes.Buffer)
		log := zerolog.New(out).With().Timestamp().Logger()
		if strings.Contains(name, "console") {
			log = log.Output(zerolog.ConsoleWriter{Out: out, NoColor: !strings.Contains(name, "colours")})
		}
		if strings.Contains(name, "3339") {
			log = log.Output(zerolog.ConsoleWriter{Out: out, NoColor: true, TimeFormat: time.RFC3339})
		}
		log.Info().Msg(texts[0])
		log.Warn().Msg(texts[1])
		log.Error().Int("order", 7).Msg(texts[2])
		log.WithLevel(zerolog.FatalLevel).Msg("pool is gone")
		emit(name, out)
	}
}

func hclogs() {
	for _, isJSON := range []bool{false, true} {
		out := new(bytes.Buffer)
		log := hclog.New(&hclog.LoggerOptions{Name: "app", Output: out, JSONFormat: isJSON})
		log.Info(texts[0])
		log.Warn(texts[1])
		log.Error(texts[2], "order", 7)
		emit(map[bool]string{false: "hclog", true: "hclog JSON"}[isJSON], out)
	}
}

func klogs() {
	out := new(bytes.Buffer)
	klog.LogToStderr(false)
	klog.SetOutputBySeverity("INFO", out)
	klog.Info(texts[0])
	klog.Warning(texts[1])
	klog.Error(texts[2])
	klog.Flush()
	emit("klog", out)
}

func main() {
	logruses()
	zaps()
	zerologs()
	hclogs()
	klogs()
}
