package proxy_test

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/millrace/millrace/xds/api/graphv1"
)

func clone(m proto.Message) *pb.InferenceGraph {
	return proto.CloneOf(m.(*pb.InferenceGraph))
}

func call(model string) *pb.Part {
	return &pb.Part{Operator: &pb.Part_Call{Call: &pb.Call{Model: model}}}
}
